package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/** The samplers of diffusers' schedulers whose process is in continuous time. */
final class ProcessSamplers {

  private static final Set<String> FLOW_SPACINGS =
      Set.of("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas");

  private ProcessSamplers() {}

  static LoopSampler<?, ?> of(SchedulerConfig config, int steps) {
    config.schedule(); // refuses noise levels in the wrong order
    return switch (config.className()) {
      case "EDMEulerScheduler" ->
          new EulerSampler(edm(config, steps))
              .withFinalSigma(new SchedulerSettings(config).finalSigma());
      case "EDMDPMSolverMultistepScheduler" -> SolverSamplers.multistep(config, edm(config, steps));
      case "CMStochasticIterativeScheduler" -> consistency(config, steps);
      case "ScoreSdeVeScheduler" -> varianceExploding(config, steps);
      case "IPNDMScheduler" -> ipndm(config, steps);
      case "FlowMatchHeunDiscreteScheduler" -> FlowSampler.heun(flow(config, steps));
      default -> {
        FlowSampler sampler = FlowSampler.euler(flow(config, steps));
        yield config.flag("stochastic_sampling", false) ? sampler.withNewNoise() : sampler;
      }
    };
  }

  private static Timesteps edm(SchedulerConfig config, int steps) {
    double max = config.number("sigma_max", 80);
    double min = config.number("sigma_min", 0.002);
    boolean karras =
        config.oneOf("sigma_schedule", "karras", Set.of("karras", "exponential")).equals("karras");
    return Timesteps.sigmas(
        karras
            ? SigmaSpacing.karras(max, min, Limits.steps(steps), config.number("rho", 7))
            : SigmaSpacing.EXPONENTIAL.descending(max, min, Limits.steps(steps)));
  }

  private static ConsistencySampler consistency(SchedulerConfig config, int steps) {
    int total = config.schedule().steps();
    Limits.steps(steps);
    if (steps > total) {
      throw new IllegalArgumentException(
          "steps must be at most the schedule's, " + total + ", but were " + steps);
    }
    int stride = total / steps;
    int[] t = IntStream.range(0, steps).map(i -> total - 1 - i * stride).toArray();
    ConsistencySampler sampler =
        new ConsistencySampler(Timesteps.list(t)).withNoise(config.number("s_noise", 1));
    return config.flag("clip_denoised", true)
        ? sampler.withCorrection(X0Correction.clip(1))
        : sampler;
  }

  /** The denoiser is called at times from 1 to eps, the predictor's variances are of a grid. */
  private static PredictorCorrectorSampler varianceExploding(SchedulerConfig config, int steps) {
    double min = config.number("sigma_min", 0.01);
    double max = config.number("sigma_max", 1348);
    double eps = config.number("sampling_eps", 1e-5);
    double[] grid = SigmaSpacing.EXPONENTIAL.descending(max, min, Limits.steps(steps));
    double[] told = new double[steps];
    for (int i = 0; i < steps; i++) {
      double time = steps == 1 ? 1 : 1 - i * (1 - eps) / (steps - 1);
      told[i] = min * Math.pow(max / min, time);
    }
    return new PredictorCorrectorSampler(Timesteps.sigmas(told))
        .withGrid(grid)
        .withCorrections(config.integer("correct_steps", 1))
        .withRatio(config.number("snr", 0.15));
  }

  /** The noise of a step is the square of the sine of evenly spaced angles. */
  private static PndmSampler ipndm(SchedulerConfig config, int steps) {
    double[] noises = new double[Limits.steps(steps)];
    for (int i = 0; i < steps; i++) {
      double sine = Math.sin((1 - (double) i / steps) * Math.PI / 2);
      noises[i] = sine * sine;
    }
    return new PndmSampler(Timesteps.all()).withLowerOrderStart().withNoises(noises);
  }

  /** Esser et al. 2024, section 5.3.2, and the schedulers' other spacings. */
  private static FlowSteps flow(SchedulerConfig config, int steps) {
    if (config.flag("invert_sigmas", false)) {
      throw new IllegalArgumentException("invert_sigmas must be false but was true");
    }
    return flow(config, evenly(config, Limits.steps(steps)));
  }

  /** From 1 to the lowest share of noise, which is shifted here and again later. */
  private static double[] evenly(SchedulerConfig config, int steps) {
    double least = 1.0 / config.schedule().steps();
    double min =
        config.flag("use_dynamic_shifting", false)
            ? least
            : FlowSteps.shifted(config.number("shift", 1), least);
    return IntStream.range(0, steps)
        .mapToDouble(i -> steps == 1 ? 1 : 1 + (min - 1) * i / (steps - 1))
        .toArray();
  }

  /**
   * The steps of shares of noise that are still to be shifted.
   *
   * @param shares descending, in (0, 1]
   */
  static FlowSteps flow(SchedulerConfig config, double[] shares) {
    double[] s = Arrays.stream(shares).map(shift(config)).toArray();
    int last = s.length - 1;
    if (config.settings().get("shift_terminal") != null) {
      s = FlowSteps.stretched(s, config.number("shift_terminal", 0));
    }
    SigmaSpacing spacing = spacing(config);
    return FlowSteps.list(spacing == null ? s : spacing.descending(s[0], s[last], s.length));
  }

  private static DoubleUnaryOperator shift(SchedulerConfig config) {
    if (!config.flag("use_dynamic_shifting", false)) {
      double shift = config.number("shift", 1);
      return s -> FlowSteps.shifted(shift, s);
    }
    // For other sizes of pictures than the smallest, pipelines compute mu.
    double mu = config.number("mu", config.number("base_shift", 0.5));
    double shift = FlowSteps.shift(config, mu, true);
    return s -> FlowSteps.shifted(shift, s);
  }

  private static @Nullable SigmaSpacing spacing(SchedulerConfig config) {
    Map<String, SigmaSpacing> spacings =
        Map.of(
            "use_karras_sigmas", SigmaSpacing.KARRAS,
            "use_exponential_sigmas", SigmaSpacing.EXPONENTIAL,
            "use_beta_sigmas", SigmaSpacing.BETA);
    SigmaSpacing chosen = null;
    for (String flag : FLOW_SPACINGS) {
      if (config.flag(flag, false)) {
        if (chosen != null) {
          throw new IllegalArgumentException(
              "only one may be true of " + Shown.list(FLOW_SPACINGS));
        }
        chosen = spacings.get(flag);
      }
    }
    return chosen;
  }
}
