package org.diffusion4j;

import org.diffusion4j.NoiseSchedule.Level;

/**
 * Times between the timesteps of a schedule in discrete time, between which the logarithm of sigma
 * is linear. An infinite sigma counts as that of {@link Level#LEAST_ALPHA_BAR}.
 */
final class DiscreteTime {

  private DiscreteTime() {}

  /** The time of a noise level, in [0, T-1]. */
  static double of(NoiseSchedule schedule, double sigma) {
    int below = 0;
    int above = schedule.steps() - 1;
    if (above == 0) {
      return 0;
    }
    while (above - below > 1) {
      int middle = (below + above) >>> 1;
      if (finite(schedule, middle) <= sigma) {
        below = middle;
      } else {
        above = middle;
      }
    }
    double low = Math.log(finite(schedule, below));
    double share = (Math.log(sigma) - low) / (Math.log(finite(schedule, below + 1)) - low);
    return below + Math.min(Math.max(share, 0), 1);
  }

  /** The noise level of a time. */
  static double sigma(NoiseSchedule schedule, double time) {
    int below = (int) Math.floor(time);
    double low = finite(schedule, below);
    if (time == below) {
      return low;
    }
    double share = time - below;
    return Math.exp((1 - share) * Math.log(low) + share * Math.log(finite(schedule, below + 1)));
  }

  private static double finite(NoiseSchedule schedule, int t) {
    double sigma = schedule.sigma(t);
    return sigma == Double.POSITIVE_INFINITY ? Level.of(Level.LEAST_ALPHA_BAR).sigma() : sigma;
  }
}
