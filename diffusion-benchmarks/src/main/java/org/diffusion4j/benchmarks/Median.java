package org.diffusion4j.benchmarks;

import java.util.Collection;

/** Medians. */
final class Median {

  private Median() {}

  /**
   * The middle number, or the mean of the two middle numbers.
   *
   * @throws IllegalArgumentException if there are none
   */
  static double of(Collection<Double> values) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException("values must be at least 1 but were 0");
    }
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
