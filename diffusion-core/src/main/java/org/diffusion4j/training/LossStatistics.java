package org.diffusion4j.training;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Running means of the loss: over steps, over the quarters of the schedule, over an epoch. */
final class LossStatistics {

  private static final int QUARTERS = 4;

  /** The mean of all losses so far at first, then an exponential average. */
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

  /** The sums after the last step, when its epoch had not ended yet. */
  private double stepEpochSum;

  private long stepEpochSamples;

  LossStatistics() {
    Arrays.setAll(quarters, i -> new Running());
  }

  /**
   * Takes in a step.
   *
   * @param losses of its samples
   * @param t their timesteps
   * @param steps of the schedule
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

  /** Forgets that an epoch has ended since the last step. */
  void rewind() {
    epochSum = stepEpochSum;
    epochSamples = stepEpochSamples;
  }

  /** As it was after the last step; what {@link #restore} takes. */
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

  void restore(StateReader state) {
    overall.mean = state.number("smoothed");
    overall.count = state.integer("steps");
    List<? extends @Nullable Object> means = state.list("quartiles", QUARTERS);
    List<? extends @Nullable Object> counts = state.list("quartile_steps", QUARTERS);
    for (int q = 0; q < QUARTERS; q++) {
      quarters[q].mean = StateReader.number("quartiles", means.get(q));
      quarters[q].count = StateReader.integer("quartile_steps", counts.get(q));
    }
    epochSum = state.number("epoch_sum");
    epochSamples = state.integer("epoch_samples");
    stepEpochSum = epochSum;
    stepEpochSamples = epochSamples;
  }
}
