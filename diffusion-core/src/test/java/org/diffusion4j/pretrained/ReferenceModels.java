package org.diffusion4j.pretrained;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.internal.files.TorchLayout;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The networks of the reference cases, with their weight files or, without, by the formula. */
public final class ReferenceModels {

  /** Tables of the models of text and pictures. */
  private static final Predicate<String> TABLE =
      Pattern.compile("(token_embedding|position_embedding|quantize\\.embedding)\\.weight$")
          .asPredicate();

  private ReferenceModels() {}

  /** A U-Net from a folder that may lack its weights. */
  public static UNet load(
      Path folder, int seed, NoiseSchedule schedule, Prediction prediction, int height, int width)
      throws IOException {
    if (hasWeights(folder)) {
      return PretrainedModel.loadUNet(folder, schedule, prediction, height, width);
    }
    Path whole = Files.createTempDirectory("unet");
    try {
      Files.copy(folder.resolve("config.json"), whole.resolve("config.json"));
      writeWeights(whole, seed);
      return PretrainedModel.loadUNet(whole, schedule, prediction, height, width);
    } finally {
      delete(whole);
    }
  }

  /** A pipeline from a folder that may lack its weights. */
  public static PretrainedModel loadPipeline(Path folder, int seed) throws IOException {
    if (hasWeights(folder.resolve("unet"))) {
      return PretrainedModel.load(folder);
    }
    Path whole = Files.createTempDirectory("pipeline");
    try {
      copy(folder, whole);
      writeWeights(whole.resolve("unet"), seed);
      return PretrainedModel.load(whole);
    } finally {
      delete(whole);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(file);
      }
    }
  }

  private static boolean hasWeights(Path folder) {
    return Files.exists(folder.resolve(DiffusersFormat.WEIGHTS))
        || Files.exists(folder.resolve(DiffusersFormat.WEIGHTS + ".index.json"));
  }

  /**
   * A folder of models with all weight files: a copy in which those that are left to the formula
   * are written.
   *
   * @param folder a model's folder, or one with folders of models
   * @param into an empty folder for the copy
   * @param shapes PyTorch's shapes of the weights by folder and name; {@code .} is the folder
   *     itself
   * @param seed the seed of each folder
   */
  public static Path whole(
      Path folder, Path into, Map<String, Object> shapes, ToIntFunction<String> seed)
      throws IOException {
    copy(folder, into);
    for (String model : shapes.keySet()) {
      Map<String, INDArray> weights = new TreeMap<>();
      ReferenceCases.object(shapes, model)
          .forEach(
              (name, shape) -> {
                long[] sizes = IntStream.of(ReferenceCases.ints(shape)).asLongStream().toArray();
                weights.put(name, weight(name, sizes, seed.applyAsInt(model)));
              });
      Path to = into.resolve(model).normalize();
      boolean text = Json.read(to.resolve("config.json")).containsKey("architectures");
      String name = text ? DiffusersFormat.TEXT_WEIGHTS_NAME : DiffusersFormat.WEIGHTS_NAME;
      Safetensors.write(to.resolve(name + ".safetensors"), weights, Map.of("format", "pt"));
    }
    return into;
  }

  private static void copy(Path folder, Path into) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(file -> !file.equals(folder)).toList()) {
        Files.copy(file, into.resolve(folder.relativize(file).toString()));
      }
    }
  }

  static void writeWeights(Path folder, int seed) throws IOException {
    Path config = folder.resolve("config.json");
    UNetConfig unet = UNetConfig.fromJson(Json.read(config), warning -> {});
    Safetensors.write(folder.resolve(DiffusersFormat.WEIGHTS), weights(unet, seed), Map.of());
  }

  /** The weights by name, in PyTorch's layout. */
  static Map<String, INDArray> weights(UNetConfig config, int seed) {
    Map<String, INDArray> weights = new TreeMap<>();
    config
        .weightShapes()
        .forEach(
            (name, shape) ->
                weights.put(name, weight(name, TorchLayout.torchShape(name, shape), seed)));
    return weights;
  }

  /** A tensor by the formula of the reference cases: a hash of its name, the seed and the index. */
  public static INDArray weight(String name, long[] shape, int seed) {
    int key = 0x811C9DC5;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      key = (key ^ (b & 0xFF)) * 0x01000193;
    }
    key ^= seed;
    int length = 1;
    long fanIn = 1;
    for (int d = 0; d < shape.length; d++) {
      length *= (int) shape[d];
      fanIn *= d == 0 ? 1 : shape[d];
    }
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      int x = key + i * 0x9E3779B9;
      x ^= x >>> 16;
      x *= 0x85EBCA6B;
      x ^= x >>> 13;
      x *= 0xC2B2AE35;
      x ^= x >>> 16;
      double v = 2 * ((x >>> 8) / 16777216.0) - 1;
      values[i] = (float) value(name, shape.length, fanIn, v);
    }
    return Nd4j.create(values, shape, 'c');
  }

  private static double value(String name, int rank, long fanIn, double v) {
    boolean time = name.equals("time_proj.weight");
    if (time && rank == 1) {
      return 4 * v;
    }
    if (time || name.equals("class_embedding.weight") || (rank == 2 && TABLE.test(name))) {
      return v;
    }
    if (rank >= 2) {
      return 1.5 / Math.sqrt(fanIn) * v;
    }
    return name.endsWith(".weight") ? 1 + 0.2 * v : 0.1 * v;
  }

  /** All tensors of a safetensors file. */
  public static Map<String, INDArray> tensors(Path file) {
    try (Safetensors tensors = Safetensors.open(file)) {
      Map<String, INDArray> arrays = new HashMap<>();
      for (String name : tensors.names()) {
        arrays.put(name, tensors.read(name));
      }
      return arrays;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One of PyTorch's tensors as this library lays it out. */
  public static INDArray fromTorch(String name, INDArray tensor) {
    return TorchLayout.fromTorch(name, tensor);
  }
}
