package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Timesteps.FinalSigma;

/**
 * The noise levels of diffusers' solvers with {@code use_flow_sigmas}: shares s of noise on the
 * straight paths of flow matching, {@code (1 - s) x_0 + s epsilon}. Like diffusers, they are
 * rounded to single precision, and the denoiser is told {@code T s} without its fraction.
 */
final class FlowSigmas {

  private static final String[] OTHER_SPACINGS = {
    "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"
  };

  /** What keeps some signal at the first level, which the solvers need. */
  private static final double LEAST_SIGNAL = 1e-6;

  private final SchedulerSettings settings;
  private final SchedulerConfig config;
  private final int steps;
  private final int total;
  private final boolean uniPc;

  private FlowSigmas(SchedulerSettings settings, int steps) {
    this.settings = settings;
    config = settings.config();
    this.steps = Limits.steps(steps);
    total = config.schedule().steps();
    uniPc = config.className().equals("UniPCMultistepScheduler");
    settings.requireOff(OTHER_SPACINGS);
    if (!uniPc) {
      settings.requireOff("use_karras_sigmas");
    }
  }

  static Timesteps of(SchedulerSettings settings, int steps) {
    return new FlowSigmas(settings, steps).timesteps();
  }

  private Timesteps timesteps() {
    double[] shares = settings.on("use_karras_sigmas") ? karras() : shifted();
    double[] times = Arrays.stream(shares).map(s -> Math.floor(s * total)).toArray();
    double[] sigmas = Arrays.stream(shares).map(FlowSigmas::sigma).toArray();
    return Timesteps.sigmas(sigmas)
        .with(SigmaLevels.list(sigmas).withTold(times).withEnd(end(shares[steps - 1])));
  }

  /** The noise level of a share in single precision. */
  private static double sigma(double share) {
    double rounded = (float) share;
    return rounded / (1 - rounded);
  }

  private double[] karras() {
    SigmaCurve curve = new SigmaCurve(config.with("use_flow_sigmas", false).schedule());
    double max = settings.numberOr("sigma_max", curve.max());
    double min = settings.numberOr("sigma_min", curve.min());
    return Arrays.stream(SigmaSpacing.KARRAS.descending(max, min, steps))
        .map(sigma -> sigma / (sigma + 1))
        .toArray();
  }

  private double[] shifted() {
    double[] s = Arrays.stream(evenly()).map(shift()).toArray();
    double terminal = uniPc ? settings.numberOr("shift_terminal", 0) : 0;
    if (terminal != 0) {
      s = FlowSteps.stretched(s, terminal);
    }
    if (s[0] > 1 - LEAST_SIGNAL) {
      s[0] -= LEAST_SIGNAL;
    }
    return s;
  }

  /** UniPC's shares begin at 1, those of the others would end at 0. */
  private double[] evenly() {
    double stride = (1.0 / total - 1) / steps;
    return IntStream.range(0, steps)
        .mapToDouble(i -> uniPc ? i * stride + 1 : 1 - signal(steps - i, stride))
        .toArray();
  }

  private double signal(int i, double stride) {
    return i == steps ? 1.0 / total : i * stride + 1;
  }

  private DoubleUnaryOperator shift() {
    double shift = settings.numberOr("flow_shift", 1);
    if (settings.on("use_dynamic_shifting") && (uniPc || settings.isGiven("mu"))) {
      if (!settings.isGiven("mu")) {
        throw new IllegalArgumentException(
            "mu must be given with use_dynamic_shifting for " + config.className());
      }
      shift = FlowSteps.shift(config, config.number("mu", 0), uniPc);
    }
    double by = shift;
    return s -> FlowSteps.shifted(by, s);
  }

  /** Where the last step ends if not without noise: DPM-Solver's end is a sigma of its betas. */
  private double end(double lastShare) {
    boolean dpm = config.className().startsWith("DPM");
    if (!dpm || settings.finalSigma() == FinalSigma.ZERO) {
      return sigma(lastShare);
    }
    double share = new SigmaCurve(config.with("use_flow_sigmas", false).schedule()).min();
    if (!(share <= lastShare)) {
      throw new IllegalArgumentException(
          "final_sigmas_type must be zero with use_flow_sigmas for "
              + steps
              + " steps, of which the last is at "
              + lastShare
              + ", but was sigma_min, "
              + share);
    }
    return sigma(share);
  }
}
