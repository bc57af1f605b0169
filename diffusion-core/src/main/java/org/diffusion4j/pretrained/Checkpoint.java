package org.diffusion4j.pretrained;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.internal.files.TensorType;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The files of a training that can be resumed: a model directory for sampling with a folder {@code
 * training}, which has arrays ({@code <name>.safetensors}), values ({@code state.json}) and a
 * checksum of every other file ({@code checksums.json}).
 */
public final class Checkpoint {

  private static final String TRAINING = "training";
  private static final String STATE = "state.json";
  private static final String CHECKSUMS = "checksums.json";
  private static final String TENSORS = ".safetensors";

  private final Path directory;
  private final Map<String, @Nullable Object> state;

  private Checkpoint(Path directory, Map<String, @Nullable Object> state) {
    this.directory = directory;
    this.state = state;
  }

  /**
   * Writes a checkpoint under a temporary name and renames it when it is complete.
   *
   * @param directory the directory; an existing checkpoint is replaced
   * @param model the model of the model directory, or null for none
   * @param weights the weights of the model directory, by the names of the model's own
   * @param tensors groups of arrays by name
   * @param state JSON values
   * @throws IOException if it cannot be written; an existing checkpoint is then unchanged
   */
  public static void write(
      Path directory,
      @Nullable PretrainedModel model,
      Map<String, INDArray> weights,
      Map<String, Map<String, INDArray>> tensors,
      Map<String, ? extends @Nullable Object> state)
      throws IOException {
    AtomicFiles.writeDirectory(
        directory,
        beside -> {
          if (model != null) {
            model.withWeights(weights).writeTo(beside, DataType.FLOAT);
          }
          Path training = Files.createDirectory(beside.resolve(TRAINING));
          for (Map.Entry<String, Map<String, INDArray>> group : tensors.entrySet()) {
            Safetensors.write(
                training.resolve(group.getKey() + TENSORS), group.getValue(), Map.of());
          }
          Json.write(training.resolve(STATE), state);
          Json.write(training.resolve(CHECKSUMS), checksums(beside));
        });
  }

  /**
   * Opens a checkpoint and verifies the checksums of all its files.
   *
   * @throws ModelFormatException naming the file that is missing, damaged or unreadable
   * @throws IOException if reading fails
   */
  public static Checkpoint open(Path directory) throws IOException {
    try {
      return opened(directory);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (RuntimeException e) {
      throw new ModelFormatException(directory, "cannot be read: " + Shown.text(e), e);
    }
  }

  private static Checkpoint opened(Path directory) throws IOException {
    Path list = directory.resolve(TRAINING).resolve(CHECKSUMS);
    Map<String, @Nullable Object> expected = Json.read(list);
    Map<String, String> found = checksums(directory);
    for (Map.Entry<String, @Nullable Object> entry : expected.entrySet()) {
      String sum = found.get(entry.getKey());
      if (sum == null) {
        // The content of a file need not be a valid file name.
        throw new ModelFormatException(directory, Shown.text(entry.getKey()) + ": is missing");
      }
      if (!sum.equals(entry.getValue())) {
        throw new ModelFormatException(
            directory.resolve(entry.getKey()),
            "must have the checksum " + Shown.text(entry.getValue()) + " but has " + sum);
      }
    }
    for (String name : found.keySet()) {
      if (name.startsWith(TRAINING + "/") && !expected.containsKey(name)) {
        throw new ModelFormatException(list, "must have a checksum of " + Shown.text(name));
      }
    }
    return new Checkpoint(directory, Json.read(directory.resolve(TRAINING).resolve(STATE)));
  }

  /** The checksums of all files except the list, by their paths in the directory. */
  private static Map<String, String> checksums(Path directory) throws IOException {
    Map<String, String> sums = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        String name = directory.relativize(file).toString().replace('\\', '/');
        if (!name.equals(TRAINING + "/" + CHECKSUMS)) {
          sums.put(name, "crc32c:" + MoreFiles.asByteSource(file).hash(Hashing.crc32c()));
        }
      }
    }
    return sums;
  }

  /** The content of {@code state.json}; whole numbers are {@code Long}, others {@code Double}. */
  public Map<String, @Nullable Object> state() {
    return state;
  }

  /** The settings that identify a model's architecture, by name; empty for custom graphs. */
  public static Map<String, @Nullable Object> architecture(@Nullable PretrainedModel model) {
    return model == null ? Map.of() : model.network().comparable();
  }

  /** Whether there is a group of arrays. */
  public boolean has(String group) {
    return Files.exists(file(group));
  }

  /** Its directory. */
  public Path directory() {
    return directory;
  }

  /** The file with the state, for messages. */
  public Path stateFile() {
    return directory.resolve(TRAINING).resolve(STATE);
  }

  /**
   * Checks that a group of arrays can be read into others, without changing them.
   *
   * @throws ModelFormatException if names, shapes or types of the arrays differ, or if a value is
   *     not finite
   * @throws IOException if reading fails
   */
  public void check(String group, Map<String, INDArray> into) throws IOException {
    Path file = file(group);
    try (Safetensors tensors = Safetensors.open(file)) {
      requireSame(file, tensors, into);
      for (String name : into.keySet()) {
        try (INDArray array = tensors.read(name)) {
          if (array.dataType() == DataType.FLOAT
              && !Double.isFinite(WeightLoops.sumOfSquares(List.of(array)))) {
            throw new ModelFormatException(file, Shown.text(name) + " must be finite but is not");
          }
        }
      }
    }
  }

  /**
   * Reads a group of arrays into others of the same names, shapes and types.
   *
   * @throws ModelFormatException if names, shapes or types of the arrays differ; nothing is read
   *     then
   * @throws IOException if reading fails
   */
  public void read(String group, Map<String, INDArray> into) throws IOException {
    Path file = file(group);
    try (Safetensors tensors = Safetensors.open(file)) {
      requireSame(file, tensors, into);
      for (Map.Entry<String, INDArray> entry : into.entrySet()) {
        try (INDArray array = tensors.read(entry.getKey())) {
          entry.getValue().assign(array);
        }
      }
    }
  }

  private static void requireSame(Path file, Safetensors tensors, Map<String, INDArray> into)
      throws ModelFormatException {
    if (!tensors.names().equals(into.keySet())) {
      throw new ModelFormatException(file, difference(tensors, into));
    }
    for (Map.Entry<String, INDArray> entry : into.entrySet()) {
      String name = entry.getKey();
      INDArray array = entry.getValue();
      TensorType type = TensorType.of(array.dataType());
      if (!Arrays.equals(tensors.shape(name), array.shape())
          || !tensors.dtype(name).equals(type.name())) {
        throw new ModelFormatException(
            file,
            Shown.text(name)
                + " must be "
                + type
                + " "
                + Arrays.toString(array.shape())
                + " but is "
                + tensors.dtype(name)
                + " "
                + Shown.text(Arrays.toString(tensors.shape(name))));
      }
    }
  }

  private static String difference(Safetensors tensors, Map<String, INDArray> into) {
    TreeSet<String> missing = new TreeSet<>(into.keySet());
    missing.removeAll(tensors.names());
    TreeSet<String> surplus = new TreeSet<>(tensors.names());
    surplus.removeAll(into.keySet());
    return "must hold the same arrays as the training but lacks "
        + Shown.text(Shown.list(missing))
        + " and has besides "
        + Shown.text(Shown.list(surplus));
  }

  private Path file(String group) {
    return directory.resolve(TRAINING).resolve(group + TENSORS);
  }
}
