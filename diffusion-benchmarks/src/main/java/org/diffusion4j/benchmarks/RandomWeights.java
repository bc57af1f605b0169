package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.internal.files.WeightLayout;
import org.diffusion4j.unet.NetworkConfig;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Directories of conditional U-Nets with random weights. */
final class RandomWeights {

  private RandomWeights() {}

  /**
   * Writes a configuration, and uniform weights of each layer's usual size.
   *
   * @param type FLOAT or HALF
   * @return the number of weights
   */
  static long write(NetworkConfig config, DataType type, Path directory) throws IOException {
    Map<String, @Nullable Object> json = new TreeMap<>(config.toJson());
    json.put(DiffusersFormat.CLASS_NAME, "UNet2DConditionModel");
    Files.createDirectories(directory);
    Json.write(directory.resolve(DiffusersFormat.CONFIG), json);
    Map<String, INDArray> weights = new LinkedHashMap<>();
    try {
      config
          .weightShapes()
          .forEach(
              (name, shape) ->
                  weights.put(name, weight(type, WeightLayout.TORCH.shape(name, shape))));
      Safetensors.write(
          directory.resolve(DiffusersFormat.WEIGHTS), weights, Map.of("format", "pt"));
      return weights.values().stream().mapToLong(INDArray::length).sum();
    } finally {
      weights.values().forEach(INDArray::close);
    }
  }

  private static INDArray weight(DataType type, long... shape) {
    double inputs = (double) ArrayUtil.prodLong(shape) / shape[0];
    INDArray values = Nd4j.rand(DataType.FLOAT, shape).subi(0.5).muli(2 / Math.sqrt(inputs));
    if (type == DataType.FLOAT) {
      return values;
    }
    try (values) {
      return values.castTo(type);
    }
  }
}
