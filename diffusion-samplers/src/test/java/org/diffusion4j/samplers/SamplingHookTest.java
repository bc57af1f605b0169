package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What is done between steps, and to the predicted clean samples, by others than the sampler. */
class SamplingHookTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final MixtureDenoiser MODES =
      MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);
  private static final double CORRELATION = 0.9;
  private static final float KNOWN = 1.25f;

  private static List<Sampler> samplers() {
    return List.of(
        new DdimSampler(10),
        DdpmSampler.withBeta(),
        new EulerSampler(10),
        new EulerSampler(10).withAncestralNoise(),
        new HeunSampler(10),
        new Kdpm2Sampler(10),
        new LmsSampler(10),
        new PndmSampler(10),
        new DpmSolverSampler(10),
        new DpmSolverSinglestepSampler(10),
        new UniPcSampler(10),
        new DeisSampler(10),
        new LcmSampler(10),
        new TcdSampler(10));
  }

  /** The exact denoiser of N(0, C) with variances 1 and a correlation. */
  private static Denoiser correlated() {
    return FunctionDenoiser.of(
        SCHEDULE,
        (x, t, c) -> {
          double r = MODES.alphaBar(t.getFloat(0));
          double root = Math.sqrt(1 - r);
          r *= CORRELATION;
          float[] values = Values.of(x);
          for (int i = 0; i < values.length; i += 2) {
            double a = values[i];
            double b = values[i + 1];
            values[i] = (float) (root * (a - r * b) / (1 - r * r));
            values[i + 1] = (float) (root * (b - r * a) / (1 - r * r));
          }
          return Nd4j.create(values, x.shape(), 'c');
        },
        2);
  }

  /** Replaces the first of two values by a known one with the noise of its level. */
  private static void replace(SamplingRequest.Hook.Step step) {
    Level level = step.last() ? Level.CLEAN : step.level();
    try (INDArray noise = step.noise().next(step.x().shape())) {
      for (int i = 0; i < step.x().size(0); i++) {
        double value = level.signal() * KNOWN + level.noise() * noise.getFloat(i, 0);
        step.x().putScalar(i, 0, value);
      }
    }
  }

  private static float[] inpainted(Sampler sampler, int count, int batchSize) {
    SamplingRequest request =
        SamplingRequest.builder(count)
            .seed(0)
            .batchSize(batchSize)
            .afterStep(SamplingHookTest::replace)
            .build();
    return SamplerMechanics.samples(sampler, correlated(), request);
  }

  @ParameterizedTest
  @MethodSource("samplers")
  void replacement_reachesTheKnownValuesExactly_andTheOthersFollow(Sampler sampler) {
    int count = 400;
    float[] samples = inpainted(sampler, count, count);
    double sum = 0;
    for (int i = 0; i < count; i++) {
      assertThat(samples[2 * i]).isEqualTo(KNOWN);
      sum += samples[2 * i + 1];
    }
    // Replacement alone, without resampling, leads towards the conditional mean, 1.125.
    assertThat(sum / count).isBetween(0.3 * CORRELATION * KNOWN, 1.3 * CORRELATION * KNOWN);
  }

  @ParameterizedTest
  @MethodSource("samplers")
  void hook_thatDrawsNoise_leavesSamplesIndependentOfTheBatches(Sampler sampler) {
    assertThat(inpainted(sampler, 5, 2)).isEqualTo(inpainted(sampler, 5, 5));
  }

  /** RePaint (Lugmayr et al. 2022, algorithm 1): each step is taken several times. */
  private static void resample(SamplingRequest.Hook.Step step) {
    replace(step);
    double from = step.before().alphaBar();
    double to = step.level().alphaBar();
    double alpha = from / to;
    Denoiser model = correlated();
    INDArray x = step.x();
    try (INDArray t = Nd4j.valueArrayOf(new long[] {x.size(0)}, step.t(), DataType.FLOAT)) {
      for (int repeat = 1; repeat < 10 && !step.last(); repeat++) {
        try (INDArray up = step.noise().next(x.shape());
            INDArray down = step.noise().next(x.shape())) {
          x.muli(Math.sqrt(alpha)).addi(up.muli(Math.sqrt(1 - alpha)));
          try (INDArray output = model.predict(x, t, Condition.none());
              INDArray x0 = Prediction.EPSILON.x0(x, output, from)) {
            x.muli(Math.sqrt(alpha) * (1 - to) / (1 - from))
                .addi(x0.muli(Math.sqrt(to) * (1 - alpha) / (1 - from)))
                .addi(down.muli(Math.sqrt((1 - to) / (1 - from) * (1 - alpha))));
          }
        }
        replace(step);
      }
    }
  }

  @Test
  void resampling_reachesTheConditionalMean() {
    int count = 500;
    SamplingRequest request =
        SamplingRequest.builder(count)
            .seed(0)
            .batchSize(count)
            .afterStep(SamplingHookTest::resample)
            .build();
    float[] samples = SamplerMechanics.samples(DdpmSampler.withBeta(), correlated(), request);
    double sum = 0;
    for (int i = 0; i < count; i++) {
      assertThat(samples[2 * i]).isEqualTo(KNOWN);
      sum += samples[2 * i + 1];
    }
    assertThat(sum / count).isCloseTo(CORRELATION * KNOWN, within(0.1));
  }

  @ParameterizedTest
  @MethodSource("samplers")
  void step_tellsWhereTheRunIs(Sampler sampler) {
    List<SamplingRequest.Hook.Step> steps = new ArrayList<>();
    List<Integer> listened = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(3)
            .seed(0)
            .batchSize(2)
            .afterStep(steps::add)
            .listener(
                step -> {
                  SamplingRequest.Hook.Step hooked = steps.get(steps.size() - 1);
                  assertThat(hooked.x()).isSameAs(step.x());
                  assertThat(hooked.t()).isEqualTo(step.t());
                  assertThat(hooked.first()).isEqualTo(step.first());
                  assertThat(hooked.index()).isEqualTo(step.index());
                  assertThat(hooked.steps()).isEqualTo(step.steps());
                  listened.add(step.index());
                })
            .build();
    SamplerMechanics.samples(sampler, correlated(), request);
    assertThat(listened).hasSameSizeAs(steps);
    int half = steps.size() / 2;
    for (int k = 0; k < half; k++) {
      SamplingRequest.Hook.Step step = steps.get(k);
      assertThat(step.index()).isEqualTo(k);
      assertThat(step.first()).isZero();
      assertThat(steps.get(half + k).first()).isEqualTo(2);
      boolean last = k + 1 == half;
      assertThat(step.nextT()).isEqualTo(last ? -1 : steps.get(k + 1).t());
      assertThat(step.last()).isEqualTo(last);
      if (!last) {
        assertThat(step.level()).isEqualTo(steps.get(k + 1).before());
      }
      assertThat(step.level().noise()).isLessThanOrEqualTo(step.before().noise());
    }
  }

  @Test
  void hooks_oneAfterAnother_andTheListenerSeesWhatTheyLeave() {
    List<Float> seen = new ArrayList<>();
    SamplingRequest.Hook two = step -> step.x().assign(2);
    SamplingRequest request =
        SamplingRequest.builder(1)
            .seed(0)
            .afterStep(two.andThen(step -> step.x().muli(3)))
            .listener(step -> seen.add(step.x().getFloat(0)))
            .build();
    assertThat(SamplerMechanics.samples(new DdimSampler(2), correlated(), request))
        .containsExactly(6, 6);
    assertThat(seen).containsExactly(6f, 6f);
  }

  @Test
  void hook_thatDoesNothing_changesNothing() {
    for (Sampler sampler : samplers()) {
      float[] without =
          SamplerMechanics.samples(
              sampler, correlated(), SamplingRequest.builder(3).seed(0).build());
      SamplingRequest request = SamplingRequest.builder(3).seed(0).afterStep(step -> {}).build();
      assertThat(SamplerMechanics.samples(sampler, correlated(), request)).isEqualTo(without);
    }
  }

  @Test
  void hook_thatSpoilsTheSamples_isNamed() {
    assertFails(
        step -> step.x().putScalar(1, 0, Float.NaN),
        "the hook must leave finite samples but did not for sample 1 after step 0");
    assertFails(
        step -> {
          if (step.index() == 2) {
            step.x().close();
          }
        },
        "the hook must leave the samples open but closed them after step 2");
  }

  private static void assertFails(SamplingRequest.Hook hook, String message) {
    SamplingRequest request = SamplingRequest.builder(3).seed(0).afterStep(hook).build();
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> new DdimSampler(3).sample(correlated(), request))
        .withMessage(message);
  }

  @Test
  void hook_thatThrows_endsTheRun() {
    SamplingRequest.Hook fails =
        step -> {
          throw new IllegalStateException("enough");
        };
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                new DdimSampler(3)
                    .sample(
                        correlated(), SamplingRequest.builder(3).seed(0).afterStep(fails).build()))
        .withMessage("enough");
  }

  @Test
  void correction_seesTheNoisySamplesAndTheirLevel() {
    for (Prediction prediction : Prediction.values()) {
      Denoiser half = FunctionDenoiser.of(SCHEDULE, prediction, (x, t, c) -> x.mul(0.5), 2);
      List<Double> levels = new ArrayList<>();
      X0Correction correction =
          (x0, xt, level) -> {
            levels.add(level.alphaBar());
            INDArray expected = prediction.x0(xt, xt.mul(0.5), level.alphaBar());
            assertThat(Values.of(x0)).isEqualTo(Values.of(expected));
            x0.assign(1);
          };
      DdimSampler sampler =
          new DdimSampler(Timesteps.list(80, 40, 0), 0).withCorrection(correction);
      float[] samples =
          SamplerMechanics.samples(sampler, half, SamplingRequest.builder(2).seed(0).build());
      assertThat(levels).hasSize(3);
      assertThat(levels.get(1)).isCloseTo(SCHEDULE.alphaBar(40), within(1e-12));
      assertThat(samples).containsExactly(1, 1, 1, 1);
    }
  }
}
