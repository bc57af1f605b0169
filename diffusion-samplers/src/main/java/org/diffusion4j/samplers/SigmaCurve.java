package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;

/** The noise level sigma of a schedule, also between timesteps. */
final class SigmaCurve {

  /**
   * The alphaBar that replaces 0 at the end of a schedule with zero terminal SNR, where sigma would
   * be infinite: the smallest number of half precision.
   */
  static final double SMALLEST_ALPHA_BAR = 0x1p-24;

  private final double[] sigmas;

  SigmaCurve(NoiseSchedule schedule) {
    sigmas = new double[schedule.steps()];
    for (int t = 0; t < sigmas.length; t++) {
      double alphaBar = schedule.alphaBar(t);
      sigmas[t] = alphaBar == 0 ? Level.of(SMALLEST_ALPHA_BAR).sigma() : schedule.sigma(t);
    }
  }

  double min() {
    return sigmas[0];
  }

  double max() {
    return sigmas[sigmas.length - 1];
  }

  /** Sigma at t, interpolated linearly between timesteps. */
  double sigma(double t) {
    int below = Math.min((int) t, sigmas.length - 1);
    int above = Math.min(below + 1, sigmas.length - 1);
    return sigmas[below] + (t - below) * (sigmas[above] - sigmas[below]);
  }

  /**
   * The timestep of a sigma, with its logarithm interpolated linearly between timesteps; in [0,
   * T-1].
   */
  double t(double sigma) {
    if (sigmas.length == 1) {
      return 0;
    }
    int below = 0;
    while (below < sigmas.length - 2 && sigmas[below + 1] <= sigma) {
      below++;
    }
    double low = Math.log(sigmas[below]);
    double fraction = (Math.log(sigma) - low) / (Math.log(sigmas[below + 1]) - low);
    return below + Math.min(Math.max(fraction, 0), 1);
  }

  /** The number of timesteps with a lambda of at least a limit. */
  int stepsAbove(double lambda) {
    int count = 0;
    while (count < sigmas.length && -Math.log(sigmas[count]) >= lambda) {
      count++;
    }
    return count;
  }
}
