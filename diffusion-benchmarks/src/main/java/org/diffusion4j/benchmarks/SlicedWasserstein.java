package org.diffusion4j.benchmarks;

import java.util.Arrays;
import java.util.Random;

/**
 * The sliced Wasserstein-2 distance between samples and a reference: the root of the mean, over
 * random directions, of the squared Wasserstein distance of the projections (Bonneel et al. 2015,
 * equation 6). In one dimension it pairs the sorted values.
 */
final class SlicedWasserstein {

  private static final int PROJECTIONS = 256;
  private static final long SEED = 20;

  private final double[][] directions;
  private final double[][] reference;

  /**
   * The distance to a reference.
   *
   * @param reference samples, one per row
   */
  SlicedWasserstein(double[][] reference) {
    Random random = new Random(SEED);
    directions = new double[PROJECTIONS][];
    for (int k = 0; k < PROJECTIONS; k++) {
      double[] direction = new double[reference[0].length];
      Arrays.setAll(direction, i -> random.nextGaussian());
      double length = Math.sqrt(Arrays.stream(direction).map(v -> v * v).sum());
      Arrays.setAll(direction, i -> direction[i] / length);
      directions[k] = direction;
    }
    this.reference =
        Arrays.stream(directions).map(d -> sorted(reference, d)).toArray(double[][]::new);
  }

  /**
   * The distance of samples.
   *
   * @param samples as many as the reference has, one per row
   */
  double of(double[][] samples) {
    if (samples.length != reference[0].length) {
      throw new IllegalArgumentException(
          "samples must be as many as the reference's, "
              + reference[0].length
              + ", but were "
              + samples.length);
    }
    double sum = 0;
    for (int k = 0; k < PROJECTIONS; k++) {
      double[] projected = sorted(samples, directions[k]);
      for (int i = 0; i < projected.length; i++) {
        double difference = projected[i] - reference[k][i];
        sum += difference * difference;
      }
    }
    return Math.sqrt(sum / PROJECTIONS / samples.length);
  }

  private static double[] sorted(double[][] samples, double[] direction) {
    double[] projected = new double[samples.length];
    for (int i = 0; i < samples.length; i++) {
      double dot = 0;
      for (int j = 0; j < direction.length; j++) {
        dot += samples[i][j] * direction[j];
      }
      projected[i] = dot;
    }
    Arrays.sort(projected);
    return projected;
  }
}
