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
import java.util.stream.Stream;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.autodiff.samediff.SDVariable;
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
    // What a U-Net's embedding cannot be told; diffusers' U-Nets leave both as they are.
    assertThat(((Number) config.get("scale")).doubleValue()).isEqualTo(1);
    assertThat(((Number) config.get("max_period")).doubleValue()).isEqualTo(10_000);
    Layers layers = new Layers(0);
    SDVariable t = layers.input("t", -1, 1);
    int size = ((Number) config.get("embedding_dim")).intValue();
    SDVariable embedding =
        layers.sinusoidal(
            t,
            size,
            (Boolean) config.get("flip_sin_to_cos"),
            ((Number) config.get("downscale_freq_shift")).doubleValue());
    INDArray values =
        layers
            .sd
            .output(Map.of("t", Nd4j.arange(0, 128).reshape(128, 1)), embedding.name())
            .get(embedding.name());

    Map<String, Object> expected = object(json, "expected");
    Matcher slice = SLICE.matcher((String) expected.get("slice"));
    assertThat(slice.find()).isTrue();
    double[] wanted = doubles(expected.get("values"));
    double tolerance = ((Number) expected.get("rtol")).doubleValue();
    int k = 0;
    for (int row = Integer.parseInt(slice.group(1));
        row <= Integer.parseInt(slice.group(2));
        row++) {
      for (int c = Integer.parseInt(slice.group(3)); c <= Integer.parseInt(slice.group(4)); c++) {
        assertThat(values.getDouble(row, c))
            .isCloseTo(wanted[k], within(tolerance * Math.abs(wanted[k])));
        k++;
      }
    }
    assertThat(k).isEqualTo(wanted.length);
  }
}
