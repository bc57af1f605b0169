package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class DdimSamplerTest {

  /** Alphas 0.9, 0.8, 0.7; alphaBars 0.9, 0.72, 0.504. */
  private static final NoiseSchedule THREE = NoiseSchedule.ofBetas(0.1, 0.2, 0.3);

  private static final NoiseSchedule THOUSAND = NoiseSchedule.linear(1000);

  /** Predicts the noise 0.75 at every t. */
  private static final Denoiser KNOWN =
      FunctionDenoiser.of(THREE, (x, t, c) -> x.mul(0).addi(0.75), 1);

  @Nested
  class Deterministic extends SamplerContract {
    @Override
    Sampler sampler() {
      return new DdimSampler(50);
    }

    @Override
    Sampler brief() {
      return new DdimSampler(2);
    }

    @Override
    int[] timesteps() {
      return oddSteps();
    }

    @Override
    Tolerances tolerances() {
      return new Tolerances(0.005, 0.01, 0.06);
    }

    @Override
    Tolerances coarseTolerances() {
      return new Tolerances(0.005, 0.075, 0.15);
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
  class Stochastic extends SamplerContract {
    @Override
    Sampler sampler() {
      return new DdimSampler(50, 1);
    }

    @Override
    Sampler brief() {
      return new DdimSampler(2, 1);
    }

    @Override
    int[] timesteps() {
      return oddSteps();
    }

    @Override
    Tolerances tolerances() {
      return new Tolerances(0.005, 0.001, 0.12);
    }

    @Override
    Tolerances coarseTolerances() {
      return new Tolerances(0.005, 0.003, 0.2);
    }
  }

  private static int[] oddSteps() {
    return Timesteps.of(50, Spacing.TRAILING).descending(100);
  }

  @Test
  void steps_areThoseOfEquation12() {
    double x0 = (1 - Math.sqrt(0.496) * 0.75) / Math.sqrt(0.504);
    double two = Math.sqrt(0.72) * x0 + Math.sqrt(0.28) * 0.75;
    x0 = (two - Math.sqrt(0.28) * 0.75) / Math.sqrt(0.72);
    double one = Math.sqrt(0.9) * x0 + Math.sqrt(0.1) * 0.75;
    double zero = (one - Math.sqrt(0.1) * 0.75) / Math.sqrt(0.9);
    assertThat(two).isCloseTo(0.9607662, within(1e-7));
    assertStates(new DdimSampler(3), two, one, zero);
  }

  @Test
  void steps_withEtaAddItsNoise() {
    double sigma = 0.5 * Math.sqrt(0.28 / 0.496 * (1 - 0.504 / 0.72));
    double x0 = (1 - Math.sqrt(0.496) * 0.75) / Math.sqrt(0.504);
    double two = Math.sqrt(0.72) * x0 + Math.sqrt(0.28 - sigma * sigma) * 0.75 + sigma * 0.6;
    sigma = 0.5 * Math.sqrt(0.1 / 0.28 * (1 - 0.72 / 0.9));
    x0 = (two - Math.sqrt(0.28) * 0.75) / Math.sqrt(0.72);
    double one = Math.sqrt(0.9) * x0 + Math.sqrt(0.1 - sigma * sigma) * 0.75 + sigma * -0.4;
    double zero = (one - Math.sqrt(0.1) * 0.75) / Math.sqrt(0.9);
    assertStates(new DdimSampler(3, 0.5), two, one, zero);
  }

  @Test
  void steps_thatSkipGoStraight() {
    double x0 = (1 - Math.sqrt(0.496) * 0.75) / Math.sqrt(0.504);
    double two = Math.sqrt(0.9) * x0 + Math.sqrt(0.1) * 0.75;
    assertStates(
        new DdimSampler(Timesteps.list(2, 0), 0),
        two,
        (two - Math.sqrt(0.1) * 0.75) / Math.sqrt(0.9));
  }

  @Test
  void withPredictedEpsilon_keepsTheNoiseThatWasPredicted() {
    double two = Math.sqrt(0.72) * 0.5 + Math.sqrt(0.28) * 0.75;
    DdimSampler sampler =
        new DdimSampler(3).withPredictedEpsilon().withCorrection(X0Correction.clip(0.5));
    assertThat((double) states(sampler).get(0)[0]).isCloseTo(two, within(1e-6));
  }

  @Test
  void withCorrection_takesTheNoiseAnew() {
    // x0 = 0.66457 is clipped to 0.5: epsilon = (1 - sqrt(0.504) 0.5) / sqrt(0.496).
    double epsilon = (1 - Math.sqrt(0.504) * 0.5) / Math.sqrt(0.496);
    double two = Math.sqrt(0.72) * 0.5 + Math.sqrt(0.28) * epsilon;
    DdimSampler sampler = new DdimSampler(3).withCorrection(X0Correction.clip(0.5));
    assertThat((double) states(sampler).get(0)[0]).isCloseTo(two, within(1e-6));
    assertThat(states(sampler.withPredictedEpsilon().withEpsilonFromCorrected()).get(0))
        .isEqualTo(states(sampler).get(0));
  }

  @Test
  void withEpsilonFromCorrected_withoutCorrectionChangesNothing() {
    List<float[]> plain = states(new DdimSampler(3, 0.5));
    List<float[]> anew = states(new DdimSampler(3, 0.5).withEpsilonFromCorrected());
    for (int k = 0; k < 3; k++) {
      assertThat(anew.get(k)[0]).isCloseTo(plain.get(k)[0], within(2e-6f));
    }
  }

  @Test
  void withFinalAlphaBar_leavesItsNoise() {
    double one = states(new DdimSampler(3)).get(1)[0];
    double x0 = (one - Math.sqrt(0.1) * 0.75) / Math.sqrt(0.9);
    for (double last : new double[] {0.95, 0.9, 0.5}) {
      double zero = Math.sqrt(last) * x0 + Math.sqrt(1 - last) * 0.75;
      assertThat((double) states(new DdimSampler(3).withFinalAlphaBar(last)).get(2)[0])
          .as("final alphaBar %s", last)
          .isCloseTo(zero, within(2e-6));
    }
  }

  @Test
  void withMethods_keepTheOtherSettings() {
    DdimSampler sampler =
        new DdimSampler(3)
            .withFinalAlphaBar(0.95)
            .withEpsilonFromCorrected()
            .withCorrection(X0Correction.clip(0.5));
    DdimSampler otherOrder =
        new DdimSampler(3)
            .withCorrection(X0Correction.clip(0.5))
            .withFinalAlphaBar(0.95)
            .withEpsilonFromCorrected();
    assertThat(states(sampler).get(2)).isEqualTo(states(otherOrder).get(2));
    assertThat(states(sampler).get(2)).isNotEqualTo(states(new DdimSampler(3)).get(2));
  }

  @Test
  void eta0_needsNoNoiseAfterTheStart() {
    int[] draws = {0};
    NoiseSource counting =
        () ->
            (first, n) ->
                shape -> {
                  draws[0]++;
                  return Values.normal(5, shape);
                };
    Denoiser model = MixtureDenoiser.twoModes(THOUSAND, Prediction.EPSILON);
    float[] samples =
        SamplerMechanics.samples(
            new DdimSampler(20), model, SamplingRequest.builder(8).noise(counting).build());
    assertThat(draws[0]).isEqualTo(1);
    SamplingRequest given =
        SamplingRequest.builder(8).seed(99).start(Values.normal(5, 8, 1)).build();
    assertThat(SamplerMechanics.samples(new DdimSampler(20), model, given)).isEqualTo(samples);
  }

  @Test
  void eta1_withEveryStepIsDdpmWithThePosteriorVariance() {
    for (Prediction prediction : Prediction.values()) {
      Denoiser model = MixtureDenoiser.twoModes(THOUSAND, prediction);
      List<float[]> ddim = states(new DdimSampler(1000, 1), model);
      List<float[]> ddpm = states(DdpmSampler.withPosteriorVariance(), model);
      for (int k = 0; k < 1000; k++) {
        assertThat(ddim.get(k)).as("step %s", k).hasSameSizeAs(ddpm.get(k));
        for (int i = 0; i < ddim.get(k).length; i++) {
          assertThat(ddim.get(k)[i]).isCloseTo(ddpm.get(k)[i], within(1e-5f));
        }
      }
    }
  }

  @Test
  void error_fallsAsTheStepsRise() {
    Denoiser model = MixtureDenoiser.twoModes(THOUSAND, Prediction.EPSILON);
    SamplingRequest request = SamplingRequest.builder(200).seed(0).batchSize(200).build();
    float[] exact = SamplerMechanics.samples(new DdimSampler(1000), model, request);
    double before = Double.POSITIVE_INFINITY;
    for (int steps : new int[] {5, 10, 20, 50, 100, 250}) {
      float[] samples = SamplerMechanics.samples(new DdimSampler(steps), model, request);
      double squares = 0;
      for (int i = 0; i < samples.length; i++) {
        squares += Math.pow(samples[i] - exact[i], 2);
      }
      double error = Math.sqrt(squares / samples.length);
      assertThat(error).as("%s steps", steps).isLessThan(0.75 * before);
      before = error;
    }
    assertThat(before).isLessThan(0.02);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.3, 1})
  void zeroTerminalSnr_isSampledFromItsEnd(double eta) {
    for (NoiseSchedule schedule :
        List.of(
            NoiseSchedule.linear(100).withZeroTerminalSnr(),
            NoiseSchedule.scaledLinear(100, 0.0085, 0.12).withZeroTerminalSnr(),
            NoiseSchedule.cosine(57).withZeroTerminalSnr())) {
      for (int steps = 2; steps <= 25; steps++) {
        float[] samples =
            SamplerMechanics.samples(
                new DdimSampler(steps, eta),
                MixtureDenoiser.twoModes(schedule, Prediction.VELOCITY),
                SamplingRequest.builder(3).seed(0).build());
        for (float x : samples) {
          assertThat(Math.abs(x)).isLessThan(4.5f);
        }
      }
    }
  }

  @Test
  void zeroTerminalSnr_ofEpsilonIsRefused() {
    NoiseSchedule schedule = NoiseSchedule.linear(100).withZeroTerminalSnr();
    Denoiser model = MixtureDenoiser.twoModes(schedule, Prediction.EPSILON);
    DdimSampler sampler = new DdimSampler(5);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampler.sample(model, 2))
        .withMessageStartingWith(
            "the denoiser must predict velocities or samples where the schedule's alphaBar is 0");
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1.1, Double.NaN, Double.POSITIVE_INFINITY})
  void eta_outsideOf0To1IsRefused(double eta) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DdimSampler(5, eta))
        .withMessage("eta must be in [0, 1] but was " + eta);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.1, 1.1, Double.NaN})
  void finalAlphaBar_outsideOf0To1IsRefused(double alphaBar) {
    DdimSampler sampler = new DdimSampler(5);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampler.withFinalAlphaBar(alphaBar))
        .withMessage("final alphaBar must be in (0, 1] but was " + alphaBar);
  }

  @Test
  void toString_namesTheStepsAndEta() {
    assertThat(new DdimSampler(5, 0.5))
        .hasToString("DdimSampler[Timesteps[5, TRAILING+0], eta=0.5]");
  }

  private static void assertStates(Sampler sampler, double... expected) {
    List<float[]> states = states(sampler);
    assertThat(states).hasSize(expected.length);
    for (int k = 0; k < expected.length; k++) {
      assertThat((double) states.get(k)[0]).isCloseTo(expected[k], within(2e-6));
    }
  }

  private static List<float[]> states(Sampler sampler) {
    List<float[]> states = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(1)
            .start(Values.column(1))
            .noise(Values.draws(0.6f, -0.4f))
            .listener(step -> states.add(Values.of(step.x())))
            .build();
    SamplerMechanics.samples(sampler, KNOWN, request);
    return states;
  }

  /** The states of eight samples after each step. */
  private static List<float[]> states(Sampler sampler, Denoiser model) {
    List<float[]> states = new ArrayList<>();
    INDArray start = Values.normal(4, 8, 1);
    SamplingRequest request =
        SamplingRequest.builder(8)
            .seed(11)
            .start(start)
            .listener(step -> states.add(Values.of(step.x())))
            .build();
    SamplerMechanics.samples(sampler, model, request);
    return states;
  }
}
