package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.HeunSampler.Churn;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the settings of diffusers' faster schedulers mean here, and which are refused. */
class SolverSettingsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);

  @Test
  void defaults_areThoseOfDiffusers() {
    Timesteps nodes = Timesteps.of(10, Spacing.LINSPACE);
    assertSame("EulerDiscreteScheduler", new EulerSampler(nodes));
    assertSame("EulerAncestralDiscreteScheduler", new EulerSampler(nodes).withAncestralNoise());
    assertSame("HeunDiscreteScheduler", new HeunSampler(nodes));
    assertSame("LMSDiscreteScheduler", new LmsSampler(nodes));
    assertSame("KDPM2DiscreteScheduler", new Kdpm2Sampler(nodes));
    assertSame("KDPM2AncestralDiscreteScheduler", new Kdpm2Sampler(nodes).withAncestralNoise());
    assertSame("DPMSolverMultistepScheduler", new DpmSolverSampler(nodes));
    assertSame("DPMSolverSinglestepScheduler", new DpmSolverSinglestepSampler(nodes));
    assertSame("UniPCMultistepScheduler", new UniPcSampler(nodes));
    assertSame("DEISMultistepScheduler", new DeisSampler(nodes));
    assertSame("LCMScheduler", new LcmSampler(10));
    assertSame("TCDScheduler", new TcdSampler(10));
    assertSame(
        "PNDMScheduler",
        new PndmSampler(Timesteps.of(10, Spacing.LEADING))
            .withRungeKuttaStart()
            .withFinalAlphaBar(SCHEDULE.alphaBar(0)));
  }

  @ParameterizedTest
  @CsvSource({
    "use_karras_sigmas, KARRAS, NEAREST",
    "use_exponential_sigmas, EXPONENTIAL, LOWER",
    "use_beta_sigmas, BETA, LOWER",
    "use_lu_lambdas, LOG_SNR, NEAREST"
  })
  void sigmas_ofSolversAreAskedAboutWholeTimesteps(
      String flag, SigmaSpacing spacing, SigmaTime time) {
    SigmaLevels levels = SigmaLevels.of(spacing).withTime(time);
    assertSame(
        Samplers.of(config("DPMSolverMultistepScheduler", flag, true), 9),
        new DpmSolverSampler(Timesteps.of(9, Spacing.LINSPACE).with(levels)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"EulerDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler"})
  void sigmas_ofKDiffusionRunBetweenThoseOfTheTimesteps(String name) {
    Sampler sampler =
        Samplers.of(
            config(
                name,
                "use_exponential_sigmas",
                true,
                "timestep_spacing",
                "leading",
                "steps_offset",
                1L),
            10);
    List<Transition> steps = ((LoopSampler<?, ?>) sampler).transitions(SCHEDULE);
    assertThat(steps.get(0).from().sigma()).isCloseTo(SCHEDULE.sigma(901), within(1e-9));
    assertThat(steps.get(steps.size() - 1).from().sigma())
        .isCloseTo(SCHEDULE.sigma(1), within(1e-12));
  }

  @Test
  void settings_ofDpmSolverAreItsOptions() {
    Timesteps nodes = Timesteps.of(10, Spacing.LINSPACE);
    assertSame(
        Samplers.of(
            config(
                "DPMSolverMultistepScheduler",
                "algorithm_type",
                "sde-dpmsolver",
                "solver_type",
                "heun",
                "solver_order",
                1L,
                "final_sigmas_type",
                "sigma_min",
                "lower_order_final",
                false,
                "lambda_min_clipped",
                -4.0),
            10),
        new DpmSolverSampler(nodes.withLambdaMin(-4))
            .withAlgorithm(Algorithm.SDE_DPM_SOLVER)
            .withHeunSteps()
            .withOrder(1)
            .withFinalSigma(FinalSigma.MIN)
            .withFullOrderAtEnd());
    assertSame(
        Samplers.of(config("DPMSolverMultistepScheduler", "euler_at_final", true), 20),
        new DpmSolverSampler(Timesteps.of(20, Spacing.LINSPACE)).withEulerAtEnd());
    assertSame(
        Samplers.of(
            config(
                "UniPCMultistepScheduler",
                "solver_type",
                "bh1",
                "predict_x0",
                false,
                "disable_corrector",
                Arrays.asList(0L, 2L),
                "final_sigmas_type",
                "sigma_min"),
            10),
        new UniPcSampler(nodes)
            .withVariant(UniPcSampler.Variant.BH1)
            .withEpsilon()
            .withoutCorrector(Set.of(0, 2))
            .withFinalSigma(FinalSigma.MIN));
  }

  @Test
  void thirdOrder_ofAConfigurationIsThePublishedOne() {
    SchedulerConfig config = config("DPMSolverMultistepScheduler", "solver_order", 3L);
    DpmSolverSampler ours = new DpmSolverSampler(Timesteps.of(10, Spacing.LINSPACE)).withOrder(3);
    assertSame(Samplers.of(config, 10), ours.withPublishedThirdOrder());
    assertThat(samples(Samplers.of(config, 10))).isNotEqualTo(samples(ours));
  }

  @Test
  void lambdaMin_isReadFromJsonsWaysToWriteInfinity() {
    for (Object infinity : new Object[] {"-Infinity", "-inf", Double.NEGATIVE_INFINITY, null}) {
      assertSame(
          Samplers.of(config("DPMSolverMultistepScheduler", "lambda_min_clipped", infinity), 10),
          new DpmSolverSampler(Timesteps.of(10, Spacing.LINSPACE)));
    }
  }

  @Test
  void timestepType_continuousAsksAboutTheLogarithmOfSigma() {
    SchedulerConfig config =
        config(
            "EulerDiscreteScheduler",
            "timestep_type",
            "continuous",
            "prediction_type",
            "v_prediction");
    LoopSampler<?, ?> sampler = (LoopSampler<?, ?>) Samplers.of(config, 5);
    for (Transition step : sampler.transitions(SCHEDULE)) {
      assertThat(step.t()).isCloseTo(0.25 * Math.log(step.from().sigma()), within(1e-12));
    }
  }

  @ParameterizedTest
  @CsvSource({"karras, 3.375", "exponential, 2.8284271247461903"})
  void rho_spacesKarrasSigmasOnly(String spacing, double middle) {
    for (String name : List.of("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")) {
      SchedulerConfig config =
          new SchedulerConfig(
              name, Map.of("rho", 3L, "sigma_min", 1L, "sigma_max", 8L, "sigma_schedule", spacing));
      List<Transition> steps =
          ((LoopSampler<?, ?>) Samplers.of(config, 3)).transitions(config.schedule());
      assertThat(steps.get(1).from().sigma()).isCloseTo(middle, within(1e-9));
    }
  }

  @Test
  void settings_thatAreNotSupportedAreRefusedByName() {
    String dpm = "DPMSolverMultistepScheduler";
    assertRefused(dpm, "solver_order", 4L, "order must be in [1, 3] but was 4");
    assertRefused(dpm, "solver_type", "x", "solver_type must be one of [");
    assertRefused(dpm, "algorithm_type", "x", "algorithm_type must be one of [");
    assertRefused(dpm, "final_sigmas_type", "x", "final_sigmas_type must be one of [");
    assertRefused("UniPCMultistepScheduler", "solver_p", Map.of(), "solver_p must be null");
    assertRefused("UniPCMultistepScheduler", "solver_order", 5L, "order must be in [1, 4]");
    for (String name :
        List.of(
            "PNDMScheduler", "DDIMScheduler", "LCMScheduler", "EulerAncestralDiscreteScheduler")) {
      assertRefused(name, "use_flow_sigmas", true, "use_flow_sigmas must be false for " + name);
    }
    assertRefused(
        dpm,
        "algorithm_type",
        "dpmsolver",
        "final_sigmas_type must be sigma_min with algorithm_type dpmsolver but was zero");
    assertRefused(
        "UniPCMultistepScheduler",
        "predict_x0",
        false,
        "final_sigmas_type must be sigma_min with predict_x0 false but was zero");
    assertRefused("EulerDiscreteScheduler", "interpolation_type", "x", "interpolation_type must");
    assertIllegal(
        () -> Samplers.of(config(dpm, "use_karras_sigmas", true, "use_beta_sigmas", true), 10),
        "only one may be true of [use_beta_sigmas, use_karras_sigmas]");
    assertIllegal(
        () ->
            Samplers.of(
                config("UniPCMultistepScheduler", "predict_x0", false, "thresholding", true), 10),
        "thresholding must be false for UniPCMultistepScheduler");
  }

  @Test
  void settings_thatContradictEachOtherAreRefusedWithTheSchedule() {
    assertIllegal(
        () -> samples(new DpmSolverSampler(10).withAlgorithm(Algorithm.DPM_SOLVER)),
        "final sigma must be MIN for an algorithm in epsilon, DPM_SOLVER, but was ZERO");
    assertIllegal(
        () -> samples(new UniPcSampler(10).withFullOrderAtEnd()),
        "final sigma must be MIN with epsilon or full order at the end but was ZERO");
    assertIllegal(
        () -> samples(new PndmSampler(3).withRungeKuttaStart()),
        "steps must be at least 4 with a Runge-Kutta start but were 3");
    assertIllegal(
        () -> samples(new PndmSampler(5).withCombinedVelocities()),
        "velocities can be combined only if the denoiser predicts them, but it predicts EPSILON");
    assertIllegal(
        () -> samples(new DpmSolverSampler(Timesteps.of(5, Spacing.LINSPACE).withLambdaMin(10))),
        "lambda must be at most the schedule's highest, ");
    for (LoopSampler<?, ?> sampler :
        List.of(new EulerSampler(1001), new UniPcSampler(1001), new PndmSampler(1001))) {
      assertIllegal(
          () -> samples(sampler), "steps must be at most the schedule's, 1000, but were 1001");
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 10", "0, 10", "10, 1", "1, Infinity"})
  void sigmas_ofAConfigurationThatAreNotPositiveAndInOrderAreRefused(double min, double max) {
    SchedulerConfig config =
        config(
            "EulerDiscreteScheduler",
            "use_karras_sigmas",
            true,
            "sigma_min",
            min,
            "sigma_max",
            max);
    assertIllegal(
        () -> samples(Samplers.of(config, 5)),
        "sigmas must be positive and in order but the lowest was "
            + min
            + " and the highest "
            + max);
  }

  @Test
  void values_outOfRangeAreRefused() {
    assertIllegal(() -> new LmsSampler(5).withOrder(5), "order must be in [1, 4] but was 5");
    assertIllegal(() -> new DeisSampler(5).withOrder(0), "order must be in [1, 3] but was 0");
    assertIllegal(() -> new UniPcSampler(5).withOrder(0), "order must be in [1, 4] but was 0");
    assertIllegal(() -> Churn.of(-1), "churn must be at least 0 but was -1.0");
    assertIllegal(() -> new Churn(1, 2, 1, 1), "sigmas of churn must be at least 0 and in order");
    assertIllegal(() -> new Churn(1, 0, 1, 0), "noise of churn must be positive but was 0.0");
    assertIllegal(() -> new LcmSampler(5).withTimestepScale(0), "scale of timesteps must be");
    assertIllegal(
        () -> new TcdSampler(Timesteps.distilled(5, 50), 1.5), "eta must be in [0, 1] but was 1.5");
    assertIllegal(
        () -> new LcmSampler(51), "steps must be at most those of the distillation, 50, but were");
  }

  /** One step, and all of them, of every method are finite. */
  @Test
  void samples_ofAnyNumberOfStepsAreFinite() {
    NoiseSchedule fifty = NoiseSchedule.linear(50);
    Denoiser model = MixtureDenoiser.inThePlane(fifty, Prediction.VELOCITY);
    for (int n : new int[] {1, 2, 3, 49, 50}) {
      for (Sampler sampler :
          List.of(
              new EulerSampler(n),
              new EulerSampler(n).withAncestralNoise(),
              new HeunSampler(n),
              new LmsSampler(n),
              new Kdpm2Sampler(n),
              new Kdpm2Sampler(n).withAncestralNoise(),
              new PndmSampler(n),
              new DpmSolverSampler(n).withOrder(3),
              new DpmSolverSampler(n).withFinalSigma(FinalSigma.MIN),
              new DpmSolverSinglestepSampler(n).withOrder(3),
              new UniPcSampler(n).withOrder(3),
              new DeisSampler(n).withOrder(3),
              new LcmSampler(n),
              new TcdSampler(n))) {
        float[] samples =
            SamplerMechanics.samples(sampler, model, SamplingRequest.builder(3).seed(0).build());
        for (float x : samples) {
          assertThat(x).as("%s", sampler).isFinite();
        }
      }
    }
  }

  /** Spaced levels reach the lowest by themselves, so that the step to it goes nowhere. */
  @ParameterizedTest
  @EnumSource
  void samples_thatReachTheLowestLevelAreFinite(SigmaSpacing spacing) {
    for (int n : new int[] {5, 20}) {
      Timesteps t = Timesteps.of(n, Spacing.valueOf(spacing.name()));
      for (Sampler sampler :
          List.of(
              new EulerSampler(t).withFinalSigma(FinalSigma.MIN),
              new DpmSolverSampler(t).withFinalSigma(FinalSigma.MIN).withHeunSteps(),
              new DpmSolverSampler(t)
                  .withOrder(3)
                  .withAlgorithm(Algorithm.SDE_DPM_SOLVER)
                  .withFinalSigma(FinalSigma.MIN),
              new DpmSolverSinglestepSampler(t).withOrder(3).withFinalSigma(FinalSigma.MIN),
              new UniPcSampler(t).withOrder(3).withFullOrderAtEnd().withFinalSigma(FinalSigma.MIN),
              new DeisSampler(t).withOrder(3))) {
        for (float x : samples(sampler)) {
          assertThat(x).as("%s", sampler).isFinite();
        }
      }
    }
  }

  @Test
  void sigmas_belowTheFinalOneAreRefused() {
    assertIllegal(
        () -> samples(new DeisSampler(Timesteps.sigmas(10, 1, 0.001))),
        "sigmas must be at least the final one, " + SCHEDULE.sigma(0) + ", but the last was 0.001");
  }

  private static void assertSame(String className, Sampler expected) {
    assertSame(Samplers.of(config(className), 10), expected);
  }

  private static void assertSame(Sampler actual, Sampler expected) {
    assertThat(actual).hasToString(expected.toString());
    assertThat(samples(actual)).isEqualTo(samples(expected));
  }

  @Test
  void disableCorrector_ofAnotherType_isRefusedInShort() {
    for (Object value : Arrays.<Object>asList("x\n".repeat(3000), 1.5, Arrays.asList(1L, null))) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> Samplers.of(config("UniPCMultistepScheduler", "disable_corrector", value), 10))
          .withMessageStartingWith("disable_corrector must be a list of whole numbers but was ")
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(200).doesNotContain("\n"));
    }
  }

  private static float[] samples(Sampler sampler) {
    Denoiser model = MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);
    return SamplerMechanics.samples(sampler, model, SamplingRequest.builder(4).seed(0).build());
  }

  private static void assertRefused(String className, String key, Object value, String message) {
    assertIllegal(() -> Samplers.of(config(className, key, value), 10), message);
  }

  private static void assertIllegal(ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageStartingWith(message);
  }

  private static SchedulerConfig config(String className, Object... keysAndValues) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("beta_start", 1e-4);
    settings.put("beta_end", 0.02);
    for (int i = 0; i < keysAndValues.length; i += 2) {
      settings.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return new SchedulerConfig(className, settings);
  }
}
