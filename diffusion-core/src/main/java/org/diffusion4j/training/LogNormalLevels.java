package org.diffusion4j.training;

import java.util.random.RandomGenerator;
import org.diffusion4j.NoiseSchedule;

/**
 * Noise levels whose logarithm of sigma is normal: EDM (Karras et al. 2022), section 5. On straight
 * paths this is the logit-normal distribution of Esser et al. 2024, section 3.1.
 *
 * @param mean of log(sigma); P_mean in EDM
 * @param deviation of log(sigma), positive; P_std in EDM
 */
record LogNormalLevels(double mean, double deviation) {

  LogNormalLevels {
    if (!Double.isFinite(mean)) {
      throw new IllegalArgumentException("mean of log(sigma) must be finite but was " + mean);
    }
    if (!(deviation > 0 && deviation < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "deviation of log(sigma) must be positive and finite but was " + deviation);
    }
  }

  /** The timesteps nearest to drawn levels. */
  int[] timesteps(RandomGenerator draws, int n, NoiseSchedule schedule) {
    int[] t = new int[n];
    for (int i = 0; i < n; i++) {
      t[i] = nearest(schedule, Math.exp(mean + deviation * draws.nextGaussian()));
    }
    return t;
  }

  private static int nearest(NoiseSchedule schedule, double sigma) {
    int below = 0;
    int above = schedule.steps() - 1;
    while (above - below > 1) {
      int middle = (below + above) >>> 1;
      if (schedule.sigma(middle) <= sigma) {
        below = middle;
      } else {
        above = middle;
      }
    }
    double middle = Math.sqrt(schedule.sigma(below) * schedule.sigma(above));
    return sigma > middle ? above : below;
  }

  @Override
  public String toString() {
    return "log sigma ~ N(" + mean + ", " + deviation + "^2)";
  }
}
