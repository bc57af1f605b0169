package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code Other.from_config(scheduler.config)} of diffusers: one scheduler's settings in another.
 */
class SchedulerPairsTest {

  private static final Map<String, Map<String, Object>> DEFAULTS = defaults();

  @SuppressWarnings("unchecked")
  private static Map<String, Map<String, Object>> defaults() {
    try (InputStream in =
        Objects.requireNonNull(
            SchedulerPairsTest.class.getResourceAsStream("/scheduler-defaults.json"))) {
      Map<String, Map<String, Object>> all = new TreeMap<>();
      JSON.std
          .mapFrom(in)
          .forEach((name, settings) -> all.put(name, (Map<String, Object>) settings));
      return all;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static Stream<String> classes() {
    return DEFAULTS.keySet().stream();
  }

  @Test
  void classes_areAllThatHaveASampler() {
    assertThat(DEFAULTS.keySet()).isEqualTo(SchedulerKeys.classes());
  }

  /** Samples of N(0.3, 0.25), with the exact denoiser. */
  @ParameterizedTest(name = "from {0}")
  @MethodSource("classes")
  void sampler_ofAnothersDefaultsMakesSamples(String other) {
    for (String name : DEFAULTS.keySet()) {
      if (hasBetas(name) != hasBetas(other) || (!hasBetas(name) && !name.equals(other))) {
        continue; // one process is not another's
      }
      if (other.equals("UnCLIPScheduler") && !name.equals(other)) {
        continue; // with a cosine schedule the clean samples hardly follow from predicted noise
      }
      SchedulerConfig config = new SchedulerConfig(name, withClass(other));
      Sampler sampler = Samplers.of(config, 20);
      NoiseSchedule schedule = config.schedule();
      Denoiser exact =
          new MixtureDenoiser(
              schedule,
              hasBetas(name) ? Prediction.EPSILON : Prediction.SAMPLE,
              new double[][] {{0.3}},
              new double[] {0.5},
              new double[] {1});
      SamplingRequest request =
          SamplingRequest.builder(200)
              .seed(0)
              .batchSize(200)
              .start(Values.normal(1, 200, 1))
              .build();
      float[] samples = SamplerMechanics.samples(sampler, exact, request);
      double sum = 0;
      double squares = 0;
      for (float x : samples) {
        assertThat(x).isFinite();
        sum += x;
        squares += x * x;
      }
      double mean = sum / samples.length;
      double deviation = Math.sqrt(squares / samples.length - mean * mean);
      boolean inverse = name.equals("DDIMInverseScheduler");
      // With full order the last step, which is long in lambda, extrapolates far.
      boolean extrapolates = name.equals("SASolverScheduler");
      assertThat(mean).as(name).isBetween(inverse ? -0.9 : 0.1, 0.5);
      assertThat(deviation).as(name).isBetween(0.3, inverse ? 2.5 : extrapolates ? 1 : 0.7);
    }
  }

  private static boolean hasBetas(String name) {
    return DEFAULTS.get(name).containsKey("beta_schedule");
  }

  @ParameterizedTest
  @CsvSource({
    "EulerDiscreteScheduler, clip_sample",
    "DPMSolverMultistepScheduler, clip_sample",
    "PNDMScheduler, thresholding",
    "LMSDiscreteScheduler, thresholding",
    "DDIMInverseScheduler, thresholding",
    "TCDScheduler, clip_sample",
    "DDPMScheduler, use_karras_sigmas",
    "EulerAncestralDiscreteScheduler, use_karras_sigmas",
    "EulerDiscreteScheduler, use_lu_lambdas",
    "DPMSolverSinglestepScheduler, euler_at_final"
  })
  void setting_thatAClassDoesNotUseIsPassedOver(String name, String flag) {
    Map<String, Object> settings = new HashMap<>(DEFAULTS.get(name));
    Sampler without = Samplers.of(new SchedulerConfig(name, settings), 10);
    settings.put(flag, true);
    assertSame(Samplers.of(new SchedulerConfig(name, settings), 10), without);
  }

  @ParameterizedTest
  @ValueSource(strings = {"DDIMScheduler", "HeunDiscreteScheduler", "LCMScheduler"})
  void clipping_isAppliedWhereAClassHasIt(String name) {
    Map<String, Object> settings = new HashMap<>(DEFAULTS.get(name));
    settings.put("clip_sample", true);
    settings.put("clip_sample_range", 0.25);
    float[] samples = samples(Samplers.of(new SchedulerConfig(name, settings), 10));
    for (float x : samples) {
      assertThat(x).isBetween(-0.26f, 0.26f);
    }
  }

  @Test
  void spacing_ofSinglestepIsItsOwn() {
    Map<String, Object> settings = withClass("PNDMScheduler");
    assertSame(
        Samplers.of(new SchedulerConfig("DPMSolverSinglestepScheduler", settings), 10),
        new DpmSolverSinglestepSampler(Timesteps.of(10, Spacing.LINSPACE)));
  }

  @Test
  void fullOrder_ofUniPcUpToNoNoiseEndsWithOrderOne() {
    Map<String, Object> settings = withClass("DPMSolverSinglestepScheduler");
    assertThat(settings).containsEntry("lower_order_final", false);
    assertThat(settings).containsEntry("final_sigmas_type", "zero");
    assertSame(
        Samplers.of(new SchedulerConfig("UniPCMultistepScheduler", settings), 10),
        new UniPcSampler(Timesteps.of(10, Spacing.LINSPACE)));
  }

  @Test
  void nulls_areFalseForFlagsAndNotSetForOthers() {
    Map<String, Object> settings = new HashMap<>();
    for (String key :
        new String[] {
          "clip_sample", "clip_sample_range", "timestep_spacing", "steps_offset", "variance_type",
          "num_train_timesteps", "beta_schedule", "beta_start", "prediction_type", "thresholding"
        }) {
      settings.put(key, null);
    }
    SchedulerConfig config = new SchedulerConfig("DDPMScheduler", settings);
    assertThat(config.schedule()).isEqualTo(NoiseSchedule.linear(1000));
    assertThat(config.prediction()).isEqualTo(Prediction.EPSILON);
    assertSame(
        Samplers.of(config, 10),
        DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, Timesteps.of(10, Spacing.LEADING)));
  }

  private static Map<String, Object> withClass(String name) {
    Map<String, Object> settings = new HashMap<>(DEFAULTS.get(name));
    settings.put("_class_name", name);
    settings.put("_diffusers_version", "0.40.0");
    return settings;
  }

  private static void assertSame(Sampler one, Sampler other) {
    assertThat(one).hasToString(other.toString());
    assertThat(samples(one)).isEqualTo(samples(other));
  }

  private static float[] samples(Sampler sampler) {
    Denoiser model = MixtureDenoiser.twoModes(NoiseSchedule.linear(1000), Prediction.EPSILON);
    return SamplerMechanics.samples(
        sampler, model, SamplingRequest.builder(5).seed(0).start(Values.normal(2, 5, 1)).build());
  }
}
