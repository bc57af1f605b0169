package org.diffusion4j.pretrained;

import com.google.common.primitives.Longs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model's weights in one safetensors file, or in several with an index. */
final class Weights {

  private static final Pattern SHARD = Pattern.compile("[\\w.-]+\\.safetensors");
  private static final List<String> FLOATING = List.of("F32", "F16", "BF16", "F64");

  private Weights() {}

  /** Writes weights under diffusers' names and in PyTorch's layout. */
  static void save(Map<String, INDArray> weights, Path file) throws IOException {
    Map<String, INDArray> tensors = new TreeMap<>();
    for (Map.Entry<String, INDArray> entry : weights.entrySet()) {
      String name = entry.getKey();
      double sum = entry.getValue().sumNumber().doubleValue();
      if (!Double.isFinite(sum)) {
        throw new ModelFormatException(
            file, "weights must be finite to be written but the sum of " + name + " is " + sum);
      }
      tensors.put(name, TorchLayout.toTorch(name, entry.getValue()));
    }
    Safetensors.write(file, tensors, Map.of("format", "pt"));
  }

  /**
   * Checks that a directory holds exactly the weights of a model, reading the headers alone.
   *
   * @throws ModelFormatException if one is missing, surplus, or of another shape or type; all of
   *     them are listed
   */
  static void check(Map<String, long[]> shapes, Path directory) throws IOException {
    List<Path> files = files(directory);
    Map<String, Found> found = new LinkedHashMap<>();
    List<String> problems = new ArrayList<>();
    for (Path file : files) {
      try (Safetensors tensors = Safetensors.open(file)) {
        for (String stored : tensors.names()) {
          Found tensor =
              new Found(file, stored, Longs.asList(tensors.shape(stored)), tensors.dtype(stored));
          Found other = found.putIfAbsent(TorchLayout.modernName(stored), tensor);
          if (other != null) {
            problems.add(stored + " is there twice, also in " + other.file.getFileName());
          }
        }
      }
    }
    compare(shapes, found, problems);
    if (!problems.isEmpty()) {
      throw new ModelFormatException(
          files.size() == 1 ? files.get(0) : directory,
          "weights must fit the configuration but " + String.join("; ", problems));
    }
  }

  /** Reads a directory that was {@linkplain #check checked} into a model's weights. */
  static void load(Map<String, INDArray> weights, Path directory) throws IOException {
    Set<String> missing = new TreeSet<>(weights.keySet());
    for (Path file : files(directory)) {
      try (Safetensors tensors = Safetensors.open(file)) {
        for (String stored : tensors.names()) {
          String name = TorchLayout.modernName(stored);
          INDArray weight = weights.get(name);
          if (weight != null) {
            try (INDArray tensor = tensors.read(stored)) {
              weight.assign(TorchLayout.fromTorch(name, tensor));
              missing.remove(name);
            }
          }
        }
      }
    }
    if (!missing.isEmpty()) {
      throw new ModelFormatException(directory, "was changed while it was read, lacks " + missing);
    }
  }

  private record Found(Path file, String storedName, List<Long> shape, String dtype) {}

  private static void compare(
      Map<String, long[]> shapes, Map<String, Found> found, List<String> problems) {
    shapes.forEach(
        (name, shape) -> {
          Found tensor = found.get(name);
          List<Long> expected = Longs.asList(TorchLayout.torchShape(name, shape));
          if (tensor == null) {
            problems.add(name + " " + expected + " is missing");
          } else if (!expected.equals(tensor.shape)) {
            problems.add(name + " must be " + expected + " but is " + tensor.shape);
          } else if (!FLOATING.contains(tensor.dtype)) {
            problems.add(name + " must be one of " + FLOATING + " but is " + tensor.dtype);
          }
        });
    Set<String> surplus = new TreeSet<>(found.keySet());
    surplus.removeAll(shapes.keySet());
    for (String name : surplus) {
      Found tensor = found.get(name);
      if (tensor != null) {
        problems.add(tensor.storedName + " " + tensor.shape + " is surplus");
      }
    }
  }

  /** The file that holds the weights, or those that the index names. */
  private static List<Path> files(Path directory) throws ModelFormatException {
    Path single = directory.resolve(DiffusersFormat.WEIGHTS);
    Path index = directory.resolve(DiffusersFormat.SHARD_INDEX);
    if (Files.exists(single) || !Files.exists(index)) {
      return List.of(single);
    }
    if (!(Json.read(index).get("weight_map") instanceof Map<?, ?> map)) {
      throw new ModelFormatException(index, "must have an object weight_map");
    }
    Set<Path> files = new TreeSet<>();
    for (Object name : map.values()) {
      String text = String.valueOf(name);
      if (!SHARD.matcher(text).matches()) {
        throw new ModelFormatException(
            index,
            "weight_map must name safetensors files of its own directory but names "
                + ModelFiles.show(text));
      }
      files.add(directory.resolve(text));
    }
    if (files.isEmpty()) {
      throw new ModelFormatException(index, "weight_map must name at least one file");
    }
    return List.copyOf(files);
  }
}
