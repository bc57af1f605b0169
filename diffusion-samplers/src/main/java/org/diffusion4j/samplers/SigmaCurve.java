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

  private final NoiseSchedule schedule;
  private final double[] sigmas;

  SigmaCurve(NoiseSchedule schedule) {
    this.schedule = schedule;
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

  /** What the denoiser is told about a sigma. */
  double t(double sigma) {
    return schedule.time(sigma);
  }

  /** What the denoiser is told at a step, which may lie between two. */
  double time(double t) {
    return schedule.isContinuous() ? schedule.time(sigma(t)) : t;
  }

  /**
   * Whether samplers choose by default where the steps begin. The ends of continuous schedules were
   * chosen for samplers, unless there is no signal at all.
   */
  boolean canBeLimited() {
    return !schedule.isContinuous() || schedule.alphaBar(sigmas.length - 1) == 0;
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
