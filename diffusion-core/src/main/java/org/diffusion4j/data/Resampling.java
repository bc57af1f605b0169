package org.diffusion4j.data;

/**
 * Resampling of one axis of an image: scaled to {@code scaled} pixels and cropped at the centre.
 * Downscaling averages the area that each pixel covers, upscaling interpolates linearly between
 * pixel centres, and equal length copies.
 */
final class Resampling {

  /** The first source pixel of each result pixel. */
  final int[] first;

  /** The weights of the source pixels from there; their sum is 1. */
  final float[][] weights;

  private Resampling(int[] first, float[][] weights) {
    this.first = first;
    this.weights = weights;
  }

  /**
   * Computes the weights.
   *
   * @param length number of pixels of the source, at least 1
   * @param scaled number of pixels after scaling, at least {@code kept}
   * @param kept number of pixels after cropping, at least 1
   */
  static Resampling of(int length, long scaled, int kept) {
    int[] first = new int[kept];
    float[][] weights = new float[kept][];
    long cropped = (scaled - kept) / 2;
    double ratio = (double) length / scaled;
    for (int i = 0; i < kept; i++) {
      double from = (cropped + i) * ratio;
      if (ratio > 1) {
        average(from, from + ratio, length, i, first, weights);
      } else {
        interpolate(from + ratio / 2 - 0.5, length, i, first, weights);
      }
    }
    return new Resampling(first, weights);
  }

  private static void average(
      double from, double to, int length, int i, int[] first, float[][] weights) {
    int low = (int) from;
    int high = Math.min(length, (int) Math.ceil(to - 1e-9));
    first[i] = low;
    weights[i] = new float[high - low];
    double sum = 0;
    for (int p = low; p < high; p++) {
      sum += Math.min(to, p + 1) - Math.max(from, p);
    }
    for (int p = low; p < high; p++) {
      weights[i][p - low] = (float) ((Math.min(to, p + 1) - Math.max(from, p)) / sum);
    }
  }

  private static void interpolate(
      double centre, int length, int i, int[] first, float[][] weights) {
    double within = Math.max(0, Math.min(length - 1, centre));
    int low = (int) within;
    float fraction = (float) (within - low);
    first[i] = low;
    weights[i] = fraction == 0 ? new float[] {1} : new float[] {1 - fraction, fraction};
  }

  /** The same for a source that is stored in reverse order. */
  Resampling mirrored(int length) {
    int[] from = new int[first.length];
    float[][] reversed = new float[first.length][];
    for (int i = 0; i < from.length; i++) {
      int n = weights[i].length;
      from[i] = length - first[i] - n;
      reversed[i] = new float[n];
      for (int k = 0; k < n; k++) {
        reversed[i][k] = weights[i][n - 1 - k];
      }
    }
    return new Resampling(from, reversed);
  }

  /** The first source pixel that is used. */
  int begin() {
    return Math.min(first[0], first[first.length - 1]);
  }

  /** The source pixel after the last one that is used. */
  int end() {
    int last = first.length - 1;
    return Math.max(first[0] + weights[0].length, first[last] + weights[last].length);
  }
}
