package org.diffusion4j.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.reference.ReferenceCases.distance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.X0Correction;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Samplers draw the same pictures with an exported network as with the network. */
class OnnxSamplersTest {

  private static final double TOLERANCE = 2e-4;

  @TempDir static Path temporary;

  private static UNet model;
  private static OnnxDenoiser exported;

  @BeforeAll
  static void export() throws IOException {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8)
            .blockOutChannels(8, 16)
            .normGroups(4)
            .classes(3)
            .nullClass(true)
            .build();
    model = UNet.create(config, NoiseSchedule.linear(1000), 5);
    Path file = temporary.resolve("model.onnx");
    OnnxExport.of(model).write(file);
    exported = OneThread.load(file);
  }

  @AfterAll
  static void close() {
    model.close();
    exported.close();
  }

  static Stream<String> samplers() {
    return Samplers.names().stream();
  }

  @ParameterizedTest
  @MethodSource("samplers")
  void sample_isThatOfTheNetwork(String sampler) {
    try (INDArray expected = sample(sampler, model);
        INDArray actual = sample(sampler, exported)) {
      assertThat(distance(actual, expected)).isLessThanOrEqualTo(TOLERANCE);
    }
  }

  @Test
  void sample_withGuidance_isThatOfTheNetwork() {
    try (INDArray expected = sample("ddim", ClassifierFreeGuidance.of(model, 3));
        INDArray actual = sample("ddim", ClassifierFreeGuidance.of(exported, 3))) {
      assertThat(distance(actual, expected)).isLessThanOrEqualTo(TOLERANCE);
    }
  }

  private static INDArray sample(String sampler, Denoiser denoiser) {
    SamplingRequest request =
        SamplingRequest.builder(3).seed(11).condition(Condition.labels(0, 2, 1)).build();
    return Samplers.named(sampler, 6, X0Correction.clip(1)).sample(denoiser, request).samples();
  }

  @Test
  void predict_onSeveralThreads_isTheSame() {
    INDArray expected = sample("ddim", exported);
    ForkJoinPool pool = new ForkJoinPool(4);
    try {
      double most =
          pool.submit(
                  () ->
                      IntStream.range(0, 8)
                          .parallel()
                          .mapToDouble(i -> distance(sample("ddim", exported), expected))
                          .max())
              .join()
              .orElseThrow();
      assertThat(most).isZero();
    } finally {
      pool.shutdown();
    }
  }
}
