package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.HeunSampler.Churn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A run that is divided into requests, as among machines. */
class FirstSampleTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final ClassMixtureDenoiser MODEL =
      new ClassMixtureDenoiser(MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON));
  private static final int COUNT = 11;
  private static final long[] SEEDS = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};

  private static final int[] LABELS = {0, 1, 1, 0, 1, 0, 0, 1, 0, -1, 1};

  /** How one part of a run says where its noise comes from. */
  @FunctionalInterface
  private interface Noise {
    void set(SamplingRequest.Builder request, int first, int end);
  }

  private static List<Sampler> samplers() {
    return List.of(
        new DdimSampler(4),
        DdpmSampler.withBeta(),
        new EulerSampler(4).withAncestralNoise(),
        new HeunSampler(3).withChurn(Churn.of(2)),
        new DpmSolverSampler(4).withAlgorithm(Algorithm.SDE_DPM_SOLVER_PLUS_PLUS),
        new LcmSampler(3));
  }

  private static float[] part(Sampler sampler, Noise noise, int first, int end, int batchSize) {
    SamplingRequest.Builder request =
        SamplingRequest.builder(end - first)
            .seed(0)
            .firstSample(first)
            .batchSize(batchSize)
            .condition(Condition.labels(Arrays.copyOfRange(LABELS, first, end)));
    noise.set(request, first, end);
    return SamplerMechanics.samples(sampler, MODEL, request.build());
  }

  @ParameterizedTest
  @MethodSource("samplers")
  void parts_areThoseOfTheWholeRun(Sampler sampler) {
    List<Noise> noises =
        List.of(
            (request, first, end) -> request.seed(7),
            (request, first, end) -> request.noise(NoiseSource.seeds(SEEDS)),
            (request, first, end) -> request.seeds(Arrays.copyOfRange(SEEDS, first, end)));
    for (Noise noise : noises) {
      float[] whole = part(sampler, noise, 0, COUNT, COUNT);
      for (int batchSize : new int[] {1, 3, 64}) {
        int[] cuts = {0, 4, 5, COUNT};
        for (int k = 0; k + 1 < cuts.length; k++) {
          assertThat(part(sampler, noise, cuts[k], cuts[k + 1], batchSize))
              .as("samples from %s in batches of %s", cuts[k], batchSize)
              .isEqualTo(Arrays.copyOfRange(whole, 2 * cuts[k], 2 * cuts[k + 1]));
        }
      }
    }
  }

  @Test
  void seedsOfTheWholeRun_andSeedsOfThePart_areTheSame() {
    Sampler sampler = new DdimSampler(3, 1);
    assertThat(part(sampler, (r, first, end) -> r.seeds(4, 1, 5), 2, 5, 2))
        .isEqualTo(part(sampler, (r, first, end) -> r.noise(NoiseSource.seeds(SEEDS)), 2, 5, 2));
  }

  @Test
  void torchNoise_isNotDivided() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                part(new DdimSampler(3), (r, first, end) -> r.noise(NoiseSource.torch(0)), 2, 5, 9))
        .withMessage(
            "first sample must be 0 with torch's noise, whose samples share one stream, but was 2");
  }

  @Test
  void seedsOfFewerSamples_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> part(new DdimSampler(3), (r, f, e) -> r.noise(NoiseSource.seeds(1, 2)), 1, 5, 9))
        .withMessage("there must be one seed per sample but there are 2 for samples up to 5");
  }
}
