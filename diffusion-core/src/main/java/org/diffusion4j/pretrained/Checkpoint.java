package org.diffusion4j.pretrained;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The files of a training that can go on: a model directory, to sample from, with a folder {@code
 * training} of arrays ({@code <name>.safetensors}), facts ({@code state.json}) and a checksum of
 * every other file ({@code checksums.json}).
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
   * Writes a checkpoint beside its place and renames it when it is whole and on the disk.
   *
   * @param directory where it is to be; one that is there is replaced
   * @param model the model directory's, or null for none
   * @param weights of the model directory, by the names of the model's own
   * @param tensors groups of arrays by name
   * @param state JSON values
   * @throws IOException if it cannot be written; what was there is then unchanged
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
            model.writeTo(beside, weights);
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
   * Opens a checkpoint and checks that all its files are as they were written.
   *
   * @throws ModelFormatException naming the file that is missing or damaged
   * @throws IOException if reading fails
   */
  public static Checkpoint open(Path directory) throws IOException {
    Path training = directory.resolve(TRAINING);
    Map<String, @Nullable Object> expected = Json.read(training.resolve(CHECKSUMS));
    Map<String, String> found = checksums(directory);
    for (Map.Entry<String, @Nullable Object> entry : expected.entrySet()) {
      String sum = found.get(entry.getKey());
      if (!(entry.getValue() instanceof String wanted) || !wanted.equals(sum)) {
        throw new ModelFormatException(
            directory.resolve(entry.getKey()),
            sum == null
                ? "is missing"
                : "must have the checksum " + entry.getValue() + " but has " + sum);
      }
    }
    return new Checkpoint(directory, Json.read(training.resolve(STATE)));
  }

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

  /** What {@code state.json} holds; whole numbers are {@code Long}, others {@code Double}. */
  public Map<String, @Nullable Object> state() {
    return state;
  }

  /** The architecture of a model by the names of its settings; empty for graphs of your own. */
  public static Map<String, @Nullable Object> architecture(SameDiffDenoiser model) {
    return PretrainedModel.architecture(model);
  }

  /** Whether there is a group of arrays. */
  public boolean has(String group) {
    return Files.exists(file(group));
  }

  /**
   * Reads a group of arrays into others of the same names, shapes and types.
   *
   * @throws ModelFormatException if the arrays are not of the same names, shapes and types; nothing
   *     is read then
   * @throws IOException if reading fails
   */
  public void read(String group, Map<String, INDArray> into) throws IOException {
    Path file = file(group);
    try (Safetensors tensors = Safetensors.open(file)) {
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
              name
                  + " must be "
                  + type
                  + " "
                  + Arrays.toString(array.shape())
                  + " but is "
                  + tensors.dtype(name)
                  + " "
                  + Arrays.toString(tensors.shape(name)));
        }
      }
      for (Map.Entry<String, INDArray> entry : into.entrySet()) {
        try (INDArray array = tensors.read(entry.getKey())) {
          entry.getValue().assign(array);
        }
      }
    }
  }

  private static String difference(Safetensors tensors, Map<String, INDArray> into) {
    TreeSet<String> missing = new TreeSet<>(into.keySet());
    missing.removeAll(tensors.names());
    TreeSet<String> surplus = new TreeSet<>(tensors.names());
    surplus.removeAll(into.keySet());
    return "must hold the same arrays as the training but lacks "
        + Shown.list(missing)
        + " and has besides "
        + Shown.list(surplus);
  }

  private Path file(String group) {
    return directory.resolve(TRAINING).resolve(group + TENSORS);
  }
}
