package org.diffusion4j.reference;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The cases that the reference implementation computed.
 *
 * <p>They lie in the folder that the system property {@code reference.dir} names, by default the
 * copy among the module's test resources. Tests run whatever is there.
 */
public final class ReferenceCases {

  private static final List<String> PARTS =
      List.of(
          "unet",
          "tokenizer",
          "text_encoder",
          "unet_condition",
          "vae",
          "text_pipelines",
          "lora",
          "training_text",
          "training",
          "sampling",
          "pipelines",
          "schedulers",
          "schedulers_more",
          "repaint",
          "diffusers-suite.json");

  private ReferenceCases() {}

  /** The folder with all cases. */
  public static Path root() {
    String property = System.getProperty("reference.dir");
    Path root =
        property == null
            ? Path.of("src/test/resources/reference")
            : Path.of(System.getProperty("project.top", "")).resolve(property);
    if (!Files.isDirectory(root)) {
      throw new IllegalArgumentException("reference.dir must be a folder but was " + root);
    }
    try (Stream<Path> entries = Files.list(root)) {
      if (entries.noneMatch(entry -> PARTS.contains(entry.getFileName().toString()))) {
        throw new IllegalArgumentException(
            "reference.dir must hold at least one of " + PARTS + " but " + root + " holds none");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return root;
  }

  /** The JSON files of a folder, sorted; none if the folder is not there. */
  public static List<Path> files(String folder) {
    return list(folder).filter(file -> file.toString().endsWith(".json")).toList();
  }

  /** The folders in a folder, sorted; none if it is not there. */
  public static List<Path> folders(String folder) {
    return list(folder).filter(Files::isDirectory).toList();
  }

  private static Stream<Path> list(String folder) {
    Path path = root().resolve(folder);
    if (!Files.isDirectory(path)) {
      return Stream.of();
    }
    try (Stream<Path> entries = Files.list(path)) {
      return entries.sorted().toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A JSON file. */
  public static Map<String, Object> json(Path file) {
    try {
      return JSON.std.mapFrom(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(file.toString(), e);
    }
  }

  /** A value of a JSON object that is an object. */
  @SuppressWarnings("unchecked")
  public static Map<String, Object> object(Map<String, Object> json, String key) {
    return (Map<String, Object>) json.get(key);
  }

  /** A list of numbers. */
  public static double[] doubles(Object list) {
    return ((List<?>) list).stream().mapToDouble(n -> ((Number) n).doubleValue()).toArray();
  }

  /** A list of whole numbers. */
  public static int[] ints(Object list) {
    return ((List<?>) list).stream().mapToInt(n -> ((Number) n).intValue()).toArray();
  }

  /** A list of numbers as an array of a shape. */
  public static INDArray array(Object list, long... shape) {
    double[] values = doubles(list);
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return Nd4j.create(floats, shape, 'c');
  }

  /** The largest absolute difference between two arrays of one shape. */
  public static double distance(INDArray a, INDArray b) {
    return a.sub(b).amaxNumber().doubleValue();
  }
}
