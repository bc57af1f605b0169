package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.HashMap;
import java.util.Map;
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
import org.junit.jupiter.params.provider.ValueSource;

class SamplersTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);

  @Test
  void of_nothingButTheClassHasDiffusersDefaults() {
    Timesteps leading = Timesteps.of(10, Spacing.LEADING);
    X0Correction clip = X0Correction.clip(1);
    assertSame(
        Samplers.of(config("DDPMScheduler"), 10),
        DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, leading).withCorrection(clip));
    assertSame(
        Samplers.of(config("DDIMScheduler"), 10),
        new DdimSampler(leading, 0).withCorrection(clip).withPredictedEpsilon());
    assertSame(
        Samplers.of(config("DDIMInverseScheduler"), 10),
        new DdimInversion(leading).withCorrection(clip));
  }

  @ParameterizedTest
  @CsvSource({"fixed_small, POSTERIOR", "fixed_small_log, POSTERIOR", "fixed_large, BETA"})
  void varianceType_isTheVariance(String name, DdpmSampler.Variance variance) {
    assertSame(
        Samplers.of(config("DDPMScheduler", "variance_type", name, "clip_sample", false), 8),
        DdpmSampler.of(variance, Timesteps.of(8, Spacing.LEADING)));
  }

  @ParameterizedTest
  @CsvSource({"leading, LEADING", "linspace, LINSPACE", "trailing, TRAILING"})
  void timestepSpacing_isTheSpacing(String name, StepSpacing spacing) {
    assertSame(
        Samplers.of(config("DDIMScheduler", "timestep_spacing", name, "clip_sample", false), 8),
        new DdimSampler(Timesteps.of(8, Spacing.valueOf(spacing.name())), 0));
  }

  @Test
  void stepsOffset_isThatOfLeadingSteps() {
    assertSame(
        Samplers.of(config("DDIMScheduler", "steps_offset", 1L, "clip_sample", false), 8),
        new DdimSampler(Timesteps.of(8, Spacing.LEADING, 1), 0));
    assertSame(
        Samplers.of(
            config(
                "DDIMScheduler",
                "steps_offset",
                1L,
                "clip_sample",
                false,
                "timestep_spacing",
                "trailing"),
            8),
        new DdimSampler(8));
  }

  @Test
  void clipping_isTheCorrection() {
    Timesteps leading = Timesteps.of(8, Spacing.LEADING);
    assertSame(
        Samplers.of(config("DDIMScheduler", "clip_sample_range", 2.0), 8),
        new DdimSampler(leading, 0).withCorrection(X0Correction.clip(2)).withPredictedEpsilon());
    assertSame(
        Samplers.of(
            config(
                "DDIMScheduler",
                "thresholding",
                true,
                "dynamic_thresholding_ratio",
                0.5,
                "sample_max_value",
                1.5),
            8),
        new DdimSampler(leading, 0)
            .withCorrection(X0Correction.dynamicThreshold(0.5, 1.5))
            .withPredictedEpsilon());
  }

  @Test
  void setAlphaToOne_falseEndsAtTheFirstAlphaBar() {
    Timesteps leading = Timesteps.of(8, Spacing.LEADING, 1);
    Map<String, Object> settings = new HashMap<>();
    settings.put("set_alpha_to_one", false);
    settings.put("clip_sample", false);
    settings.put("steps_offset", 1L);
    settings.put("beta_start", 0.01);
    double first = 1 - 0.01;
    assertSame(
        Samplers.of(new SchedulerConfig("DDIMScheduler", settings), 8),
        new DdimSampler(leading, 0).withFinalAlphaBar(first));
    assertSame(
        Samplers.of(new SchedulerConfig("DDIMInverseScheduler", settings), 8),
        new DdimInversion(leading).withInitialAlphaBar(first));
  }

  @Test
  void ddim_hasItsEta() {
    SchedulerConfig config = config("DDPMScheduler", "clip_sample", false);
    assertSame(
        Samplers.ddim(config, 8, 0.5), new DdimSampler(Timesteps.of(8, Spacing.LEADING), 0.5));
  }

  @Test
  void config_ofAScheduleIsReadBack() {
    SchedulerConfig config = SchedulerConfig.of(SCHEDULE, Prediction.EPSILON);
    assertSame(
        Samplers.of(config, 12),
        DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, Timesteps.of(12, Spacing.LEADING)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"KarrasVeScheduler", "ddim", ""})
  void scheduler_thatIsUnknownIsRefused(String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Samplers.of(config(name), 10))
        .withMessageStartingWith(
            "scheduler must be one of [CMStochasticIterativeScheduler, DDIMInverseScheduler, ")
        .withMessageEndingWith(" but was " + name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"learned", "fixed_large_log", "x"})
  void varianceType_thatIsUnknownIsRefused(String name) {
    assertRefused(
        () -> Samplers.of(config("DDPMScheduler", "variance_type", name), 10),
        "variance_type must be one of [fixed_large, fixed_small, fixed_small_log, learned_range]"
            + " but was "
            + name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"DDPMScheduler", "DDIMScheduler", "DDIMInverseScheduler"})
  void timestepSpacing_thatIsUnknownIsRefused(String className) {
    assertRefused(
        () -> Samplers.of(config(className, "timestep_spacing", "karras"), 10),
        "timestep_spacing must be one of [leading, linspace, trailing] but was karras");
  }

  @Test
  void predictionAndSchedule_thatAreUnknownAreRefused() {
    SchedulerConfig prediction = config("DDIMScheduler", "prediction_type", "x_prediction");
    assertRefused(
        prediction::prediction,
        "prediction_type must be epsilon, sample, v_prediction or flow_prediction but was"
            + " x_prediction");
    SchedulerConfig schedule =
        config("DDIMScheduler", "beta_schedule", "exp", "set_alpha_to_one", false);
    String message =
        "beta_schedule must be linear, scaled_linear, squaredcos_cap_v2 or sigmoid but was exp";
    assertRefused(schedule::schedule, message);
    assertRefused(() -> Samplers.of(schedule, 10), message);
  }

  @Test
  void settings_ofAnotherTypeAreRefused() {
    assertRefused("timestep_spacing", 1L, "timestep_spacing must be a string but was 1");
    assertRefused("clip_sample", "true", "clip_sample must be true or false but was true");
    assertRefused("clip_sample_range", "1", "clip_sample_range must be a number but was 1");
    assertRefused("clip_sample_range", 0.0, "clip range must be positive but was 0.0");
    assertRefused("steps_offset", 0.5, "steps_offset must be a whole number but was 0.5");
    assertRefused("steps_offset", true, "steps_offset must be a number but was true");
    assertRefused("thresholding", 1L, "thresholding must be true or false but was 1");
    assertRefused("set_alpha_to_one", "no", "set_alpha_to_one must be true or false but was no");
    assertRefused(
        "steps_offset",
        -1L,
        "offset must be at least 0, and 0 but for leading spacing, but was -1 for LEADING");
  }

  @Test
  void steps_belowOneAreRefused() {
    assertRefused(
        () -> Samplers.of(config("DDIMScheduler"), 0), "steps must be at least 1 but were 0");
  }

  private static void assertRefused(String key, Object value, String message) {
    assertRefused(() -> Samplers.of(config("DDIMScheduler", key, value), 10), message);
  }

  private static void assertRefused(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessage(message);
  }

  private static SchedulerConfig config(String className, Object... keysAndValues) {
    Map<String, Object> settings = new HashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      settings.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return new SchedulerConfig(className, settings);
  }

  /** That two samplers make the same samples, of values well beyond [-1, 1]. */
  private static void assertSame(Sampler one, Sampler other) {
    assertThat(one).hasToString(other.toString());
    Denoiser model =
        new MixtureDenoiser(
            SCHEDULE,
            Prediction.EPSILON,
            new double[][] {{-2, 1, 3}, {2, 0, -1}},
            new double[] {0.5, 0.5},
            new double[] {0.5, 0.5});
    SamplingRequest request =
        SamplingRequest.builder(10).seed(3).start(Values.normal(2, 10, 3)).build();
    assertThat(SamplerMechanics.samples(one, model, request))
        .isEqualTo(SamplerMechanics.samples(other, model, request));
  }

  @Test
  void named_everyName_isASampler() {
    for (String name : Samplers.names()) {
      assertThat(Samplers.named(name, 4).toString()).contains("Sampler[");
    }
    assertThat(Samplers.names()).contains("ddpm", "ddim", "heun", "dpm++2m", "unipc");
  }

  @Test
  void named_anotherUsualName_isTheSame() {
    assertThat(Samplers.named("euler-a", 4)).hasToString(Samplers.named("euler-ancestral", 4) + "");
  }

  @Test
  void named_unknown_listsAll() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Samplers.named("dpm\n", 4))
        .withMessageStartingWith("sampler must be one of ddpm, ddpm-posterior, ddim, euler, ")
        .withMessageEndingWith(" but was dpm\\n");
  }
}
