package org.diffusion4j;

import java.util.Arrays;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Noise on the way from one to another. */
final class NoiseBetween {

  private NoiseBetween() {}

  /**
   * The noise of a batch whose samples are on the way from one seed's noise to another's. Both are
   * independent and standard normal, so {@code cos(a) x + sin(a) y} is standard normal for each a.
   *
   * @param count number of samples of the way
   */
  static NoiseSource.Batch batch(long from, long to, int count, int first, int n) {
    if (n > count - first) {
      throw new IllegalArgumentException(
          "samples between two seeds must be at most "
              + count
              + " but were up to "
              + ((long) first + n));
    }
    NoiseSource.Batch ofFrom = PerSampleNoise.of(filled(from, first + n), first, n);
    NoiseSource.Batch ofTo = PerSampleNoise.of(filled(to, first + n), first, n);
    return shape ->
        Detached.get(
            () -> {
              INDArray x = ofFrom.next(shape);
              try (INDArray y = ofTo.next(shape)) {
                for (int i = 0; i < n; i++) {
                  double angle = share(first + i, count) * Math.PI / 2;
                  boolean last = first + i == count - 1 && count > 1;
                  double ofX = last ? 0 : Math.cos(angle);
                  mix(x, ofX, x, Math.sin(angle), y, i, i);
                }
              }
              return x;
            });
  }

  private static long[] filled(long seed, int n) {
    long[] seeds = new long[n];
    Arrays.fill(seeds, seed);
    return seeds;
  }

  /** {@link NoiseSource#spherical}. */
  static INDArray spherical(INDArray from, INDArray to, int count) {
    requireEnd("from", from, from);
    requireEnd("to", to, from);
    if (count < 2) {
      throw new IllegalArgumentException("count must be at least 2 but was " + count);
    }
    Pieces.require(count + " arrays " + Arrays.toString(from.shape()), count * from.length());
    double angle = angle(from, to);
    return Detached.get(
        () -> {
          long[] shape = from.shape().clone();
          shape[0] = count;
          INDArray all = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
          for (int i = 0; i < count; i++) {
            double share = share(i, count);
            // The straight line, where the arc is not defined.
            boolean straight = Math.sin(angle) < 1e-6;
            double ofFrom = straight ? 1 - share : Math.sin((1 - share) * angle) / Math.sin(angle);
            double ofTo = straight ? share : Math.sin(share * angle) / Math.sin(angle);
            boolean last = i == count - 1;
            mix(all, last ? 0 : i == 0 ? 1 : ofFrom, from, last ? 1 : ofTo, to, i, 0);
          }
          return all;
        });
  }

  private static void requireEnd(String name, INDArray end, INDArray from) {
    if (end.dataType() != DataType.FLOAT
        || end.rank() < 2
        || end.size(0) != 1
        || !Arrays.equals(end.shape(), from.shape())) {
      throw new IllegalArgumentException(
          name
              + " must be FLOAT [1, sampleShape...], both of one shape, but was "
              + end.dataType()
              + " "
              + Arrays.toString(end.shape()));
    }
    if (Elements.firstNotFinite(end) >= 0) {
      throw new IllegalArgumentException(name + " must be finite but was not");
    }
  }

  private static double share(int i, int count) {
    return count == 1 ? 0 : (double) i / (count - 1);
  }

  /** Sets sample {@code i} to {@code a x + b y} of sample {@code k}. */
  private static void mix(INDArray all, double a, INDArray x, double b, INDArray y, int i, int k) {
    try (INDArray mixed = Elements.combine(a, row(x, k), b, row(y, k))) {
      row(all, i).assign(mixed);
    }
  }

  private static INDArray row(INDArray array, int i) {
    return array.get(NDArrayIndex.interval(i, i + 1));
  }

  /** The angle between two arrays, in [0, pi]. */
  private static double angle(INDArray from, INDArray to) {
    float[] a = values(from);
    float[] b = values(to);
    double product = 0;
    double squaresOfA = 0;
    double squaresOfB = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      squaresOfA += (double) a[i] * a[i];
      squaresOfB += (double) b[i] * b[i];
    }
    double norm = Math.sqrt(squaresOfA) * Math.sqrt(squaresOfB);
    return norm == 0 ? 0 : Math.acos(Math.max(-1, Math.min(1, product / norm)));
  }

  private static float[] values(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }
}
