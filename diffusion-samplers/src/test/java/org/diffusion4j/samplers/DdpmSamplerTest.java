package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class DdpmSamplerTest {

  /** Alphas 0.9, 0.8, 0.7; alphaBars 0.9, 0.72, 0.504. */
  private static final NoiseSchedule THREE = NoiseSchedule.ofBetas(0.1, 0.2, 0.3);

  /** Predicts the noise 0.25, 0.5, 0.75 at t = 0, 1, 2. */
  private static final Denoiser KNOWN =
      FunctionDenoiser.of(THREE, (x, t, c) -> x.mul(0).addi(0.25 * (t.getDouble(0) + 1)), 1);

  @Nested
  class WithBeta extends SamplerContract {
    @Override
    Sampler sampler() {
      return DdpmSampler.withBeta();
    }

    @Override
    Sampler brief() {
      return DdpmSampler.of(DdpmSampler.Variance.BETA, Timesteps.of(2, Spacing.LEADING));
    }

    @Override
    int[] timesteps() {
      return everyStep();
    }

    @Override
    Tolerances tolerances() {
      return new Tolerances(0.005, 0.001, 0.003);
    }

    @Override
    Tolerances coarseTolerances() {
      return new Tolerances(0.005, 0.003, 0.03);
    }

    /** That of the other variant runs always. */
    @Override
    @Test
    @Tag("slow")
    void sample_severalTimesDoesNotFillTheMemory() {
      super.sample_severalTimesDoesNotFillTheMemory();
    }
  }

  @Nested
  class WithPosteriorVariance extends SamplerContract {
    @Override
    Sampler sampler() {
      return DdpmSampler.withPosteriorVariance();
    }

    @Override
    Sampler brief() {
      return DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, Timesteps.of(2, Spacing.LEADING));
    }

    @Override
    int[] timesteps() {
      return everyStep();
    }

    @Override
    Tolerances tolerances() {
      return new Tolerances(0.005, 0.001, 0.009);
    }

    @Override
    Tolerances coarseTolerances() {
      return new Tolerances(0.005, 0.003, 0.13);
    }
  }

  private static int[] everyStep() {
    return IntStream.range(0, 100).map(i -> 99 - i).toArray();
  }

  @Test
  void steps_withBetaAreThoseOfAlgorithm2() {
    // x = (x - beta / sqrt(1 - alphaBar) epsilon) / sqrt(alpha) + sqrt(beta) z, from x = 1.
    double two = (1 - 0.3 / Math.sqrt(0.496) * 0.75) / Math.sqrt(0.7) + Math.sqrt(0.3) * 0.6;
    double one = (two - 0.2 / Math.sqrt(0.28) * 0.5) / Math.sqrt(0.8) + Math.sqrt(0.2) * -0.4;
    double zero = (one - 0.1 / Math.sqrt(0.1) * 0.25) / Math.sqrt(0.9);
    assertSteps(DdpmSampler.withBeta(), two, one, zero);
  }

  @Test
  void steps_withPosteriorVarianceAreThoseOfAlgorithm2() {
    double sigma2 = Math.sqrt(0.3 * 0.28 / 0.496);
    double sigma1 = Math.sqrt(0.2 * 0.1 / 0.28);
    double two = (1 - 0.3 / Math.sqrt(0.496) * 0.75) / Math.sqrt(0.7) + sigma2 * 0.6;
    double one = (two - 0.2 / Math.sqrt(0.28) * 0.5) / Math.sqrt(0.8) + sigma1 * -0.4;
    double zero = (one - 0.1 / Math.sqrt(0.1) * 0.25) / Math.sqrt(0.9);
    assertSteps(DdpmSampler.withPosteriorVariance(), two, one, zero);
  }

  @Test
  void firstStep_isTheNumberCalculatedByHand() {
    // 0.3 * 0.75 / sqrt(0.496) = 0.3194785; (1 - 0.3194785) / sqrt(0.7) = 0.8133787;
    // sqrt(0.3) * 0.6 = 0.3286335; sqrt(0.084 / 0.496) * 0.6 = 0.2469165.
    assertThat(states(DdpmSampler.withBeta()).get(0)[0]).isCloseTo(1.1420123f, within(1e-6f));
    assertThat(states(DdpmSampler.withPosteriorVariance()).get(0)[0])
        .isCloseTo(1.0602952f, within(1e-6f));
  }

  @Test
  void steps_thatSkipTakeTheBetaBetweenThem() {
    // From t = 2 to 0: alpha = 0.504 / 0.9 = 0.56, beta = 0.44.
    Timesteps some = Timesteps.list(2, 0);
    double mean = (1 - 0.44 / Math.sqrt(0.496) * 0.75) / Math.sqrt(0.56);
    double beta = mean + Math.sqrt(0.44) * 0.6;
    double posterior = mean + Math.sqrt(0.44 * 0.1 / 0.496) * 0.6;
    assertSteps(DdpmSampler.of(DdpmSampler.Variance.BETA, some), beta, last(beta));
    assertSteps(DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, some), posterior, last(posterior));
  }

  private static double last(double x) {
    return (x - 0.1 / Math.sqrt(0.1) * 0.25) / Math.sqrt(0.9);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "LEARNED_RANGE")
  void mean_isThatOfTheNoiseForEveryStepOf1000(DdpmSampler.Variance variance) {
    NoiseSchedule schedule = NoiseSchedule.linear(1000);
    Denoiser model = FunctionDenoiser.of(schedule, (x, t, c) -> x.mul(0).addi(0.7), 1);
    List<float[]> states = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(1)
            .start(Values.column(1.5f))
            .noise(Values.draws(new float[1000]))
            .listener(step -> states.add(Values.of(step.x())))
            .build();
    SamplerMechanics.samples(DdpmSampler.of(variance, Timesteps.all()), model, request);
    double x = 1.5;
    assertThat(states).hasSize(1000);
    for (int t = 999; t >= 0; t--) {
      double expected =
          (x - schedule.beta(t) / Math.sqrt(1 - schedule.alphaBar(t)) * 0.7)
              / Math.sqrt(schedule.alpha(t));
      double actual = states.get(999 - t)[0];
      assertThat(actual)
          .as("t = %s", t)
          .isCloseTo(expected, within(1e-5 * Math.max(1, Math.abs(expected))));
      x = actual;
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "LEARNED_RANGE")
  void lastStep_drawsNoNoise(DdpmSampler.Variance variance) {
    int[] draws = {0};
    SamplingRequest request =
        SamplingRequest.builder(1)
            .start(Values.column(1))
            .noise(
                () ->
                    (first, n) ->
                        shape -> {
                          draws[0]++;
                          return Values.column(0.5f);
                        })
            .build();
    SamplerMechanics.samples(DdpmSampler.of(variance, Timesteps.all()), KNOWN, request);
    assertThat(draws[0]).isEqualTo(2);
  }

  /** {@link #KNOWN} that also says where the variance lies. */
  private static Denoiser learned(float v) {
    return new Denoiser() {
      @Override
      public NoiseSchedule schedule() {
        return KNOWN.schedule();
      }

      @Override
      public long[] sampleShape() {
        return new long[] {1};
      }

      @Override
      public boolean learnsVariance() {
        return true;
      }

      @Override
      public INDArray predict(INDArray xt, INDArray t, Condition condition) {
        return Nd4j.createFromArray(new float[][] {{0.25f * (t.getFloat(0) + 1), v}});
      }
    };
  }

  @Test
  void learnedRange_isBetweenThePosteriorVarianceAndBetaInTheLogarithm() {
    DdpmSampler range = DdpmSampler.of(DdpmSampler.Variance.LEARNED_RANGE, Timesteps.all());
    double mean = (1 - 0.3 / Math.sqrt(0.496) * 0.75) / Math.sqrt(0.7);
    double posterior = 0.3 * 0.28 / 0.496;
    for (float v : new float[] {-1, 0, 0.5f, 1}) {
      double u = (v + 1) / 2;
      double variance = Math.exp(u * Math.log(0.3) + (1 - u) * Math.log(posterior));
      assertThat((double) states(range, learned(v)).get(0)[0])
          .isCloseTo(mean + Math.sqrt(variance) * 0.6, within(2e-6));
    }
  }

  @Test
  void otherMethods_ignoreALearnedVariance() {
    for (Sampler sampler : List.of(DdpmSampler.withBeta(), new DdimSampler(3, 0.5))) {
      assertThat(states(sampler, learned(0.3f)).get(2)).isEqualTo(states(sampler).get(2));
    }
  }

  @Test
  void learnedRange_ofADenoiserThatDoesNotLearnItIsRefused() {
    DdpmSampler range = DdpmSampler.of(DdpmSampler.Variance.LEARNED_RANGE, Timesteps.all());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> states(range))
        .withMessage(
            "variance must not be LEARNED_RANGE for a denoiser that does not learn the variance");
  }

  @Test
  void withCorrection_correctsTheCleanSamplesOnly() {
    // x0 = (1 - sqrt(0.496) 0.75) / sqrt(0.504) = 0.6645, clipped to 0.5, in equation 7.
    double mean = Math.sqrt(0.72) * 0.3 / 0.496 * 0.5 + Math.sqrt(0.7) * 0.28 / 0.496 * 1;
    DdpmSampler sampler = DdpmSampler.withBeta().withCorrection(X0Correction.clip(0.5));
    assertThat((double) states(sampler).get(0)[0])
        .isCloseTo(mean + Math.sqrt(0.3) * 0.6, within(1e-6));
  }

  @Test
  void zeroTerminalSnr_isSampledFromItsEnd() {
    NoiseSchedule schedule = NoiseSchedule.linear(100).withZeroTerminalSnr();
    for (Prediction prediction : List.of(Prediction.VELOCITY, Prediction.SAMPLE)) {
      float[] samples =
          SamplerMechanics.samples(
              DdpmSampler.withPosteriorVariance(),
              MixtureDenoiser.twoModes(schedule, prediction),
              SamplingRequest.builder(20).seed(0).build());
      for (float x : samples) {
        assertThat(Math.abs(Math.abs(x) - 2)).isLessThan(2);
      }
    }
  }

  @Test
  void toString_namesTheVarianceAndTheSteps() {
    assertThat(DdpmSampler.withBeta()).hasToString("DdpmSampler[Timesteps[all], BETA]");
  }

  private static void assertSteps(Sampler sampler, double... expected) {
    List<float[]> states = states(sampler);
    assertThat(states).hasSize(expected.length);
    for (int k = 0; k < expected.length; k++) {
      assertThat((double) states.get(k)[0]).isCloseTo(expected[k], within(2e-6));
    }
  }

  private static List<float[]> states(Sampler sampler) {
    return states(sampler, KNOWN);
  }

  private static List<float[]> states(Sampler sampler, Denoiser model) {
    List<float[]> states = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(1)
            .start(Values.column(1))
            .noise(Values.draws(0.6f, -0.4f))
            .listener(step -> states.add(Values.of(step.x())))
            .build();
    SamplerMechanics.samples(sampler, model, request);
    return states;
  }
}
