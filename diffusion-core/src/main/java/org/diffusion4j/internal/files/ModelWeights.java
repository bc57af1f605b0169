package org.diffusion4j.internal.files;

import com.google.common.primitives.Longs;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.internal.common.Shown;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model's weights in safetensors files. */
public final class ModelWeights {

  private static final int MOST_PROBLEMS = 4;

  /** The largest finite number of 16 bits. */
  private static final double MOST_HALF = 65504;

  private static final List<String> FLOATING = List.of("F32", "F16", "BF16", "F64");

  private final Map<String, long[]> shapes;
  private final Map<String, Found> found;
  private final WeightLayout layout;

  private ModelWeights(Map<String, long[]> shapes, Map<String, Found> found, WeightLayout layout) {
    this.shapes = shapes;
    this.found = found;
    this.layout = layout;
  }

  /**
   * Writes a model's weights.
   *
   * @param weights of type FLOAT
   * @param type of the weights in the file, FLOAT or FLOAT16
   * @throws IllegalArgumentException for another type
   * @throws ModelFormatException if a weight is not finite, or too large for 16 bits
   */
  public static void save(
      Map<String, INDArray> weights, WeightLayout layout, Path file, DataType type)
      throws IOException {
    requireType(type);
    Map<String, INDArray> tensors = new TreeMap<>();
    for (Map.Entry<String, INDArray> entry : weights.entrySet()) {
      String name = entry.getKey();
      double sum = entry.getValue().sumNumber().doubleValue();
      if (!Double.isFinite(sum)) {
        throw new ModelFormatException(
            file, "weights must be finite to be written but the sum of " + name + " is " + sum);
      }
      if (type == DataType.FLOAT16) {
        requireRange(name, entry.getValue().amaxNumber().doubleValue(), file);
      }
      tensors.put(name, layout.toFile(name, entry.getValue()));
    }
    Safetensors.write(file, tensors, Map.of("format", "pt"), type);
  }

  private static void requireType(DataType type) {
    if (type != DataType.FLOAT && type != DataType.FLOAT16) {
      throw new IllegalArgumentException(
          "type of weights to write must be FLOAT or FLOAT16 but was " + type);
    }
  }

  private static void requireRange(String name, double most, Path file)
      throws ModelFormatException {
    if (most > MOST_HALF) {
      throw new ModelFormatException(
          file,
          "weights must be in [-65504, 65504] to be written with 16 bits but "
              + name
              + " has one of magnitude "
              + most);
    }
  }

  /**
   * Finds the weights of a model, reading only the headers.
   *
   * @throws ModelFormatException if a weight is missing or surplus, or has another shape or type;
   *     the message lists the first ones
   */
  public static ModelWeights find(Map<String, long[]> shapes, WeightLayout layout, Path directory)
      throws IOException {
    return find(shapes, layout, directory, DiffusersFormat.WEIGHTS_NAME);
  }

  /**
   * The same for files with another name.
   *
   * @param fileName without {@code .safetensors}
   */
  public static ModelWeights find(
      Map<String, long[]> shapes, WeightLayout layout, Path directory, String fileName)
      throws IOException {
    WeightFiles files = WeightFiles.of(directory, fileName);
    Map<String, Found> found = new LinkedHashMap<>();
    List<String> problems = new ArrayList<>();
    List<Found> stored = stored(files, problems);
    Path subject = files.files().size() == 1 ? files.files().get(0) : directory;
    String prefix = prefix(stored, layout.wrappers(), subject);
    stored.removeIf(tensor -> layout.isSurplus(tensor.storedName));
    for (Found tensor : stored) {
      String name = layout.name(tensor.storedName.substring(prefix.length()));
      Found other = found.putIfAbsent(name, tensor);
      if (other != null) {
        problems.add(
            Shown.text(tensor.storedName) + " is there twice, also in " + other.file.getFileName());
      }
    }
    requireKnownPrefix(shapes, layout, found, subject);
    compare(shapes, layout, found, problems);
    if (!problems.isEmpty()) {
      throw new ModelFormatException(
          subject, "weights must fit the configuration but " + first(problems));
    }
    return new ModelWeights(shapes, found, layout);
  }

  private static List<Found> stored(WeightFiles files, List<String> problems) throws IOException {
    List<Found> stored = new ArrayList<>();
    for (Path file : files.files()) {
      try (Safetensors tensors = Safetensors.open(file)) {
        for (String name : tensors.names()) {
          stored.add(new Found(file, name, Longs.asList(tensors.shape(name)), tensors.dtype(name)));
          if (!files.agrees(name, file)) {
            problems.add(
                "the index has another place for "
                    + Shown.text(name)
                    + " than "
                    + file.getFileName());
          }
        }
      }
    }
    return stored;
  }

  /** The prefix of PyTorch's wrappers, which distribute or compile a network. */
  private static String prefix(List<Found> stored, List<String> wrappers, Path subject)
      throws ModelFormatException {
    String prefix = null;
    for (Found tensor : stored) {
      String here = prefix(tensor.storedName, wrappers);
      if (prefix != null && !prefix.equals(here)) {
        throw new ModelFormatException(
            subject,
            "names of tensors must all have the same prefix but there are "
                + Shown.text(stored.get(0).storedName)
                + " and "
                + Shown.text(tensor.storedName));
      }
      prefix = here;
    }
    return prefix == null ? "" : prefix;
  }

  /** Names an unknown prefix of all names if they would match the network's without it. */
  private static void requireKnownPrefix(
      Map<String, long[]> shapes, WeightLayout layout, Map<String, Found> found, Path subject)
      throws ModelFormatException {
    String first = found.isEmpty() ? "" : found.keySet().iterator().next();
    for (int dot = first.indexOf('.'); dot >= 0; dot = first.indexOf('.', dot + 1)) {
      String unknown = first.substring(0, dot + 1);
      if (shapes.containsKey(first.substring(dot + 1))
          && found.keySet().stream().allMatch(name -> name.startsWith(unknown))) {
        throw new ModelFormatException(
            subject,
            "names of tensors must be those of the network"
                + (layout.wrappers().isEmpty()
                    ? ""
                    : ", behind " + String.join(" or ", layout.wrappers()) + " at most,")
                + " but all begin with "
                + Shown.text(unknown));
      }
    }
  }

  private static String prefix(String name, List<String> wrappers) {
    int end = 0;
    for (int i = 0; i < wrappers.size(); i++) {
      String wrapper = wrappers.get(i);
      if (name.startsWith(wrapper, end)) {
        end += wrapper.length();
        i = -1;
      }
    }
    return name.substring(0, end);
  }

  private static String first(List<String> problems) {
    int more = problems.size() - MOST_PROBLEMS;
    return String.join("; ", problems.subList(0, Math.min(problems.size(), MOST_PROBLEMS)))
        + (more > 0 ? "; and " + more + " more" : "");
  }

  /**
   * The weights without reading them, for a network that only predicts.
   *
   * @return keeps the files open; must be closed
   */
  public WeightSource source() throws IOException {
    return new StoredWeights(shapes, found, layout);
  }

  /** Reads the weights into a model's arrays with the same names and shapes. */
  public void load(Map<String, INDArray> weights) throws IOException {
    Map<Path, Map<String, Found>> byFile = new LinkedHashMap<>();
    found.forEach(
        (name, tensor) ->
            byFile.computeIfAbsent(tensor.file, f -> new LinkedHashMap<>()).put(name, tensor));
    for (Map.Entry<Path, Map<String, Found>> file : byFile.entrySet()) {
      try (Safetensors tensors = Safetensors.open(file.getKey())) {
        for (Map.Entry<String, Found> entry : file.getValue().entrySet()) {
          String name = entry.getKey();
          INDArray weight = Objects.requireNonNull(weights.get(name), name);
          try (INDArray tensor = entry.getValue().read(tensors)) {
            weight.assign(layout.fromFile(name, tensor));
          }
        }
      }
    }
  }

  /** A tensor in a file. */
  record Found(Path file, String storedName, List<Long> shape, String dtype) {

    INDArray read(Safetensors tensors) throws IOException {
      if (!tensors.names().contains(storedName)
          || !shape.equals(Longs.asList(tensors.shape(storedName)))) {
        throw new ModelFormatException(
            file, "was changed while it was read, in " + Shown.text(storedName));
      }
      return tensors.read(storedName);
    }
  }

  private static void compare(
      Map<String, long[]> shapes,
      WeightLayout layout,
      Map<String, Found> found,
      List<String> problems) {
    shapes.forEach(
        (name, shape) -> {
          Found tensor = found.get(name);
          List<Long> expected = Longs.asList(layout.shape(name, shape));
          if (tensor == null) {
            problems.add(name + " " + expected + " is missing");
          } else if (!expected.equals(tensor.shape)) {
            problems.add(name + " must be " + expected + " but is " + Shown.text(tensor.shape));
          } else if (!FLOATING.contains(tensor.dtype)) {
            problems.add(name + " must be one of " + FLOATING + " but is " + tensor.dtype);
          }
        });
    found.forEach(
        (name, tensor) -> {
          if (!shapes.containsKey(name)) {
            problems.add(
                Shown.text(tensor.storedName) + " " + Shown.text(tensor.shape) + " is surplus");
          }
        });
  }
}
