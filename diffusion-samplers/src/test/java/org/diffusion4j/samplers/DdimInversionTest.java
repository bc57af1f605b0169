package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class DdimInversionTest {

  private static final NoiseSchedule THOUSAND = NoiseSchedule.linear(1000);

  @Nested
  class Mechanics extends SamplerMechanics {
    @Override
    Sampler sampler() {
      return new DdimInversion(Timesteps.of(20, Spacing.LEADING));
    }

    @Override
    Sampler brief() {
      return new DdimInversion(Timesteps.of(2, Spacing.LEADING));
    }

    @Override
    int[] timesteps() {
      int[] steps = new int[20];
      for (int i = 0; i < 20; i++) {
        steps[i] = 5 * i;
      }
      return steps;
    }

    @Override
    SamplingRequest.Builder request(Denoiser denoiser, int count) {
      long[] sample = denoiser.sampleShape();
      long[] shape = new long[sample.length + 1];
      shape[0] = count;
      System.arraycopy(sample, 0, shape, 1, sample.length);
      return SamplingRequest.builder(count).seed(0).start(Values.normal(6, shape));
    }
  }

  @Test
  void step_isEquation12Backwards() {
    NoiseSchedule three = NoiseSchedule.ofBetas(0.1, 0.2, 0.3);
    Denoiser known = FunctionDenoiser.of(three, (x, t, c) -> x.mul(0).addi(0.75), 1);
    float[] noise =
        SamplerMechanics.samples(
            new DdimInversion(Timesteps.all()), known, from(Values.column(1, -0.5f)));
    // With constant noise the clean samples stay: x_2 = sqrt(0.504) x_0 + sqrt(0.496) epsilon.
    for (int i = 0; i < 2; i++) {
      double x0 = i == 0 ? 1 : -0.5;
      assertThat((double) noise[i])
          .isCloseTo(Math.sqrt(0.504) * x0 + Math.sqrt(0.496) * 0.75, within(2e-6));
    }
  }

  @Test
  void withInitialAlphaBar_takesTheStartAsSoNoisy() {
    NoiseSchedule three = NoiseSchedule.ofBetas(0.1, 0.2, 0.3);
    Denoiser known = FunctionDenoiser.of(three, (x, t, c) -> x.mul(0).addi(0.75), 1);
    float[] noise =
        SamplerMechanics.samples(
            new DdimInversion(Timesteps.all()).withInitialAlphaBar(0.95),
            known,
            from(Values.column(1)));
    double x0 = (1 - Math.sqrt(0.05) * 0.75) / Math.sqrt(0.95);
    assertThat((double) noise[0])
        .isCloseTo(Math.sqrt(0.504) * x0 + Math.sqrt(0.496) * 0.75, within(2e-6));
  }

  @Test
  void withCorrection_correctsTheCleanSamples() {
    NoiseSchedule three = NoiseSchedule.ofBetas(0.1, 0.2, 0.3);
    Denoiser known = FunctionDenoiser.of(three, (x, t, c) -> x.mul(0).addi(0.75), 1);
    float[] noise =
        SamplerMechanics.samples(
            new DdimInversion(Timesteps.list(2)).withCorrection(X0Correction.clip(0.4)),
            known,
            from(Values.column(1)));
    assertThat((double) noise[0])
        .isCloseTo(Math.sqrt(0.504) * 0.4 + Math.sqrt(0.496) * 0.75, within(2e-6));
  }

  @ParameterizedTest
  @CsvSource({"100, EPSILON, 0.05", "500, EPSILON, 0.01", "500, VELOCITY, 0.01"})
  void inversionThenSampling_returnsTheStart(int steps, Prediction prediction, float tolerance) {
    for (StepSpacing spacing : StepSpacing.values()) {
      Denoiser model = MixtureDenoiser.twoModes(THOUSAND, prediction);
      Timesteps timesteps = Timesteps.of(steps, Spacing.valueOf(spacing.name()));
      SamplingRequest sampling = SamplingRequest.builder(100).batchSize(100).seed(8).build();
      float[] samples = SamplerMechanics.samples(new DdimSampler(100), model, sampling);
      float[] noise =
          SamplerMechanics.samples(
              new DdimInversion(timesteps), model, from(Values.column(samples)));
      float[] again =
          SamplerMechanics.samples(
              new DdimSampler(timesteps, 0), model, from(Values.column(noise)));
      double squares = 0;
      double worst = 0;
      for (int i = 0; i < samples.length; i++) {
        double error = Math.abs(again[i] - samples[i]);
        squares += error * error;
        worst = Math.max(worst, error);
      }
      double error = Math.sqrt(squares / samples.length);
      assertThat(error).as("root mean square with %s", spacing).isLessThan(tolerance);
      assertThat(worst).as("worst with %s", spacing).isLessThan(3 * tolerance);
    }
  }

  @Test
  void inversionThenSampling_inSmallSteps_returnsTheStartToAThousandth() {
    // The schedule of 1000 steps, cut finer: the method is of order 1.
    NoiseSchedule fine = NoiseSchedule.linear(8000, 1e-4 / 8, 0.02 / 8);
    Denoiser model = MixtureDenoiser.twoModes(fine, Prediction.EPSILON);
    SamplingRequest sampling = SamplingRequest.builder(50).batchSize(50).seed(8).build();
    float[] samples = SamplerMechanics.samples(new DdimSampler(200), model, sampling);
    float[] noise =
        SamplerMechanics.samples(
            new DdimInversion(Timesteps.all()), model, from(Values.column(samples)));
    float[] again =
        SamplerMechanics.samples(
            new DdimSampler(Timesteps.all(), 0), model, from(Values.column(noise)));
    double squares = 0;
    for (int i = 0; i < samples.length; i++) {
      squares += Math.pow(again[i] - samples[i], 2);
    }
    assertThat(Math.sqrt(squares / samples.length)).isLessThan(1e-3);
  }

  @Test
  void inversion_givesStandardNormalNoise() {
    Denoiser model = MixtureDenoiser.twoModes(THOUSAND, Prediction.VELOCITY);
    SamplingRequest sampling = SamplingRequest.builder(500).batchSize(500).seed(8).build();
    float[] samples = SamplerMechanics.samples(new DdimSampler(500), model, sampling);
    float[] start = Values.of(Values.normal(8, 500, 1));
    float[] noise =
        SamplerMechanics.samples(
            new DdimInversion(Timesteps.of(500, Spacing.TRAILING)),
            model,
            from(Values.column(samples)));
    for (int i = 0; i < noise.length; i++) {
      assertThat(noise[i]).isCloseTo(start[i], within(0.05f));
    }
  }

  @Test
  void inversion_drawsNoNoise() {
    NoiseSource none =
        () ->
            (first, n) ->
                shape -> {
                  throw new AssertionError("noise was drawn");
                };
    Denoiser model = MixtureDenoiser.twoModes(THOUSAND, Prediction.EPSILON);
    SamplingRequest request =
        SamplingRequest.builder(2).noise(none).start(Values.column(1, 2)).build();
    assertThat(
            SamplerMechanics.samples(
                new DdimInversion(Timesteps.of(5, Spacing.LEADING)), model, request))
        .hasSize(2);
  }

  @Test
  void sample_withoutStartIsRefused() {
    Denoiser model = MixtureDenoiser.twoModes(THOUSAND, Prediction.EPSILON);
    DdimInversion inversion = new DdimInversion(Timesteps.of(5, Spacing.LEADING));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> inversion.sample(model, 2))
        .withMessageStartingWith("start must be given");
  }

  @Test
  void sample_ofCleanSamplesWithAModelOfThemIsRefused() {
    boolean[] asked = {false};
    Denoiser model =
        FunctionDenoiser.of(
            THOUSAND,
            Prediction.SAMPLE,
            (x, t, c) -> {
              asked[0] = true;
              return x.dup();
            },
            1);
    for (DdimInversion inversion :
        List.of(
            new DdimInversion(Timesteps.of(5, Spacing.LEADING)),
            new DdimInversion(Timesteps.of(5, Spacing.LEADING)).withIterations(2))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> inversion.sample(model, from(Values.column(1))))
          .withMessageStartingWith(
              "initial alphaBar must be below 1 for a denoiser that predicts samples, such as "
                  + THOUSAND.alphaBar(0));
    }
    assertThat(asked[0]).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"1, 0.1", "3, 0.03"})
  void inversionOfAModelOfSamples_fromTimestep0_returnsTheStart(int iterations, float tolerance) {
    Denoiser model = MixtureDenoiser.twoModes(THOUSAND, Prediction.SAMPLE);
    double alphaBar = THOUSAND.alphaBar(0);
    Timesteps timesteps = Timesteps.of(500, Spacing.LEADING);
    float[] samples =
        SamplerMechanics.samples(
            new DdimSampler(timesteps, 0).withFinalAlphaBar(alphaBar),
            model,
            SamplingRequest.builder(100).batchSize(100).seed(8).build());
    float[] noise =
        SamplerMechanics.samples(
            new DdimInversion(timesteps).withInitialAlphaBar(alphaBar).withIterations(iterations),
            model,
            from(Values.column(samples)));
    float[] again =
        SamplerMechanics.samples(
            new DdimSampler(timesteps, 0).withFinalAlphaBar(alphaBar),
            model,
            from(Values.column(noise)));
    for (int i = 0; i < samples.length; i++) {
      assertThat(again[i]).isCloseTo(samples[i], within(tolerance));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 1.5, Double.NaN})
  void initialAlphaBar_outsideOf0To1IsRefused(double alphaBar) {
    DdimInversion inversion = new DdimInversion(Timesteps.all());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> inversion.withInitialAlphaBar(alphaBar))
        .withMessage("initial alphaBar must be in (0, 1] but was " + alphaBar);
  }

  private static SamplingRequest from(INDArray start) {
    return SamplingRequest.builder((int) start.size(0))
        .seed(0)
        .batchSize(1000)
        .start(start)
        .build();
  }
}
