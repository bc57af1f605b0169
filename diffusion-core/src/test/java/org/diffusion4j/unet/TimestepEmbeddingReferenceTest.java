package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The sinusoidal embeddings that the reference implementation's own tests expect. */
class TimestepEmbeddingReferenceTest {

  private static final Pattern SLICE =
      Pattern.compile("t=(\\d+)\\.\\.(\\d+), cols (\\d+)\\.\\.(\\d+)");

  @TestFactory
  Stream<DynamicTest> values_areThoseOfTheReference() {
    Path file = ReferenceCases.root().resolve("diffusers-suite.json");
    if (!Files.exists(file)) {
      return Stream.of();
    }
    return ((List<?>) json(file).get("cases"))
        .stream()
            .map(TimestepEmbeddingReferenceTest::asObject)
            .filter(json -> "timestep_embedding".equals(json.get("kind")))
            .map(json -> DynamicTest.dynamicTest((String) json.get("id"), () -> check(json)));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  private static void check(Map<String, Object> json) {
    Map<String, Object> config = object(json, "config");
    // What a U-Net's embedding cannot be told; diffusers' U-Nets leave it as it is.
    assertThat(number(config, "max_period", 10_000)).isEqualTo(10_000);
    double[] timesteps = timesteps(config.get("timesteps"));
    INDArray times = Nd4j.create(timesteps).castTo(DataType.FLOAT).reshape(timesteps.length, 1);
    Layers layers = new Layers(0);
    SDVariable t = layers.input("t", -1, 1);
    SDVariable embedding =
        layers.sinusoidal(
            t,
            (int) number(config, "embedding_dim", Double.NaN),
            Boolean.TRUE.equals(config.get("flip_sin_to_cos")),
            number(config, "downscale_freq_shift", 1));
    // Other scales are those of the timesteps.
    times.muli(number(config, "scale", 1));
    INDArray values = layers.sd.output(Map.of("t", times), embedding.name()).get(embedding.name());

    Map<String, Object> expected = object(json, "expected");
    Matcher slice = SLICE.matcher((String) expected.get("slice"));
    assertThat(slice.find()).isTrue();
    double[] wanted = doubles(expected.get("values"));
    double tolerance = ((Number) expected.get("rtol")).doubleValue();
    int k = 0;
    for (int time = Integer.parseInt(slice.group(1));
        time <= Integer.parseInt(slice.group(2));
        time++) {
      int row = row(timesteps, time);
      for (int c = Integer.parseInt(slice.group(3)); c <= Integer.parseInt(slice.group(4)); c++) {
        assertThat(values.getDouble(row, c))
            .isCloseTo(wanted[k], within(tolerance * Math.abs(wanted[k])));
        k++;
      }
    }
    assertThat(k).isEqualTo(wanted.length);
  }

  private static double number(Map<String, Object> config, String key, double otherwise) {
    return config.get(key) == null ? otherwise : ((Number) config.get(key)).doubleValue();
  }

  /** A list, or the first and the last of whole numbers. */
  private static double[] timesteps(Object given) {
    if (given instanceof List<?> list) {
      return doubles(list);
    }
    String[] ends = ((String) given).split("\\.\\.", 2);
    return IntStream.rangeClosed(Integer.parseInt(ends[0]), Integer.parseInt(ends[1]))
        .asDoubleStream()
        .toArray();
  }

  private static int row(double[] timesteps, double t) {
    for (int row = 0; row < timesteps.length; row++) {
      if (timesteps[row] == t) {
        return row;
      }
    }
    throw new IllegalArgumentException("there is no timestep " + t);
  }
}
