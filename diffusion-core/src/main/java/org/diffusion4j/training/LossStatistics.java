package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.jspecify.annotations.Nullable;

/** Running means of the loss: over steps, quarters of the schedule, and an epoch. */
final class LossStatistics {

  private static final int QUARTERS = 4;

  /** The mean of all losses at first, then an exponential moving average. */
  private static final class Running {

    private static final double KEPT = 0.98;

    private double mean = Double.NaN;
    private long count;

    void add(double value) {
      double keep = Math.min(KEPT, count / (count + 1.0));
      mean = count == 0 ? value : keep * mean + (1 - keep) * value;
      count++;
    }
  }

  private final Running overall = new Running();
  private final Running[] quarters = new Running[QUARTERS];
  private double epochSum;
  private long epochSamples;

  /** The sums after the last step, before the end of its epoch. */
  private double stepEpochSum;

  private long stepEpochSamples;

  LossStatistics() {
    Arrays.setAll(quarters, i -> new Running());
  }

  /**
   * Adds a step.
   *
   * @param losses the loss of each sample
   * @param t timestep of each sample
   * @param steps number of steps of the schedule
   */
  void add(double loss, double[] losses, int[] t, int steps) {
    overall.add(loss);
    double[] sums = new double[QUARTERS];
    int[] counts = new int[QUARTERS];
    for (int i = 0; i < losses.length; i++) {
      int quarter = (int) ((long) t[i] * QUARTERS / steps);
      sums[quarter] += losses[i];
      counts[quarter]++;
    }
    for (int q = 0; q < QUARTERS; q++) {
      if (counts[q] > 0) {
        quarters[q].add(sums[q] / counts[q]);
      }
    }
    epochSum += loss * losses.length;
    epochSamples += losses.length;
    stepEpochSum = epochSum;
    stepEpochSamples = epochSamples;
  }

  double smoothed() {
    return overall.mean;
  }

  List<Double> byQuartile() {
    return Arrays.stream(quarters).map(running -> running.mean).toList();
  }

  /** The mean loss since the last call. */
  double endEpoch() {
    double mean = epochSum / epochSamples;
    epochSum = 0;
    epochSamples = 0;
    return mean;
  }

  /** Reverts the end of an epoch since the last step. */
  void rewind() {
    epochSum = stepEpochSum;
    epochSamples = stepEpochSamples;
  }

  /** The state after the last step; {@link Saved#of} reads it. */
  Map<String, Object> state() {
    return Map.of(
        "smoothed",
        overall.mean,
        "steps",
        overall.count,
        "quartiles",
        byQuartile(),
        "quartile_steps",
        Arrays.stream(quarters).map(running -> running.count).toList(),
        "epoch_sum",
        stepEpochSum,
        "epoch_samples",
        stepEpochSamples);
  }

  /** A valid state read from {@link #state}. */
  record Saved(
      double smoothed,
      long steps,
      List<Double> means,
      List<Long> counts,
      double epochSum,
      long epochSamples) {

    static Saved of(StateReader state) throws ModelFormatException {
      List<? extends @Nullable Object> readMeans = state.list("quartiles", QUARTERS);
      List<? extends @Nullable Object> readCounts = state.list("quartile_steps", QUARTERS);
      List<Double> means = new ArrayList<>();
      List<Long> counts = new ArrayList<>();
      for (int q = 0; q < QUARTERS; q++) {
        means.add(state.number("quartiles", readMeans.get(q)));
        counts.add(state.integer("quartile_steps", readCounts.get(q), 0, Long.MAX_VALUE - 1));
      }
      return new Saved(
          state.number("smoothed"),
          state.integer("steps", 0, Long.MAX_VALUE - 1),
          means,
          counts,
          state.number("epoch_sum"),
          state.integer("epoch_samples", 0, Long.MAX_VALUE / 2));
    }
  }

  void restore(Saved saved) {
    overall.mean = saved.smoothed;
    overall.count = saved.steps;
    for (int q = 0; q < QUARTERS; q++) {
      quarters[q].mean = saved.means.get(q);
      quarters[q].count = saved.counts.get(q);
    }
    epochSum = saved.epochSum;
    epochSamples = saved.epochSamples;
    stepEpochSum = epochSum;
    stepEpochSamples = epochSamples;
  }
}
