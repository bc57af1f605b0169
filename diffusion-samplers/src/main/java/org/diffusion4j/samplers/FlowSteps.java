package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.IntStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.SchedulerConfig;
import org.jspecify.annotations.Nullable;

/**
 * The shares s of noise that a method visits which follows straight paths, {@code (1 - s) x_0 + s
 * epsilon}. The last step leads to 0.
 *
 * @param count their number if they are evenly spaced from the highest of the process, else 0
 * @param list descending, in (0, 1], or null
 */
record FlowSteps(int count, double @Nullable [] list) {

  static FlowSteps evenly(int count) {
    return new FlowSteps(Limits.steps(count), null);
  }

  static FlowSteps list(double... descending) {
    double before = Double.POSITIVE_INFINITY;
    for (double s : descending) {
      if (!(s > 0 && s <= 1 && s < before)) {
        throw new IllegalArgumentException(
            "shares of noise must be in (0, 1] and decrease but were "
                + Arrays.toString(descending));
      }
      before = s;
    }
    return new FlowSteps(0, descending.clone());
  }

  /** {@code shift s / (1 + (shift - 1) s)}: Esser et al. 2024, equation 23. */
  static double shifted(double shift, double s) {
    return shift * s / (1 + (shift - 1) * s);
  }

  /**
   * Shares that end at a given one, with the same ratios between their signals.
   *
   * @param shares descending, in (0, 1]
   * @param terminal the last, in [0, 1)
   */
  static double[] stretched(double[] shares, double terminal) {
    double scale = (1 - shares[shares.length - 1]) / (1 - terminal);
    return Arrays.stream(shares).map(s -> 1 - (1 - s) / scale).toArray();
  }

  /**
   * The shift of pictures of a size, for which pipelines compute mu.
   *
   * @param mayBeLinear whether {@code time_shift_type} may be linear
   */
  static double shift(SchedulerConfig config, double mu, boolean mayBeLinear) {
    Set<String> types = mayBeLinear ? Set.of("exponential", "linear") : Set.of("exponential");
    boolean linear = config.oneOf("time_shift_type", "exponential", types).equals("linear");
    return linear ? mu : Math.exp(mu);
  }

  /**
   * The noise levels of a schedule.
   *
   * @param sigma the highest of evenly spaced ones
   */
  NoiseLevels levels(NoiseSchedule schedule, double sigma) {
    double[] shares = list;
    if (shares == null) {
      double most = Double.isInfinite(sigma) ? 1 : sigma / (1 + sigma);
      shares = IntStream.range(0, count).mapToDouble(i -> most * (count - i) / count).toArray();
    }
    double[] times = new double[shares.length];
    Level[] levels = new Level[shares.length + 1];
    for (int i = 0; i < shares.length; i++) {
      double s = shares[i];
      double scale = Math.hypot(1 - s, s);
      levels[i] = new Level((1 - s) / scale, s / scale);
      times[i] = schedule.time(levels[i].sigma());
    }
    levels[shares.length] = Level.CLEAN;
    return new NoiseLevels(times, levels);
  }

  @Override
  public String toString() {
    return list == null ? String.valueOf(count) : Arrays.toString(list);
  }
}
