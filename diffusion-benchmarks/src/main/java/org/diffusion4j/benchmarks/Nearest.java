package org.diffusion4j.benchmarks;

/** The nearest of several pictures, by the mean squared error. */
final class Nearest {

  private Nearest() {}

  /** The index of the row that is nearest to a picture; the first of several. */
  static int of(double[][] rows, double[] picture) {
    int nearest = -1;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < rows.length; i++) {
      double distance = distance(rows[i], picture, least);
      if (distance < least) {
        least = distance;
        nearest = i;
      }
    }
    return nearest;
  }

  /** The squared distance, or something above {@code most} if it is greater. */
  private static double distance(double[] a, double[] b, double most) {
    double sum = 0;
    for (int i = 0; i < a.length && sum < most; i++) {
      double difference = a[i] - b[i];
      sum += difference * difference;
    }
    return sum;
  }
}
