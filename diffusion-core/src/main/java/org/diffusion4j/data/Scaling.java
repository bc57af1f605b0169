package org.diffusion4j.data;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A linear map of each feature's range to [-1, 1], and back. A feature whose range is a single
 * value maps to 0. Immutable.
 */
public final class Scaling {

  private final double[] low;
  private final double[] high;

  private Scaling(double[] low, double[] high) {
    if (low.length == 0 || low.length != high.length) {
      throw new IllegalArgumentException(
          "scaling must have one low and one high for each of at least 1 feature but has "
              + low.length
              + " and "
              + high.length);
    }
    for (int i = 0; i < low.length; i++) {
      if (!(low[i] <= high[i]) || !Double.isFinite(high[i] - low[i])) {
        throw new IllegalArgumentException(
            "range of feature " + i + " must be finite but was [" + low[i] + ", " + high[i] + "]");
      }
    }
    this.low = low;
    this.high = high;
  }

  /**
   * The scaling of given ranges.
   *
   * @param low what becomes -1, for each feature
   * @param high what becomes 1, for each feature; at least {@code low}
   */
  public static Scaling of(double[] low, double[] high) {
    return new Scaling(low.clone(), high.clone());
  }

  /**
   * The scaling of the smallest and greatest value of each feature.
   *
   * @param rows at least one, all of the same length, finite
   */
  public static Scaling fit(double[][] rows) {
    requireRows(rows.length);
    double[] low = rows[0].clone();
    double[] high = rows[0].clone();
    for (int r = 0; r < rows.length; r++) {
      double[] row = rows[r];
      requireLength(row.length, low.length, r);
      for (int i = 0; i < row.length; i++) {
        if (!Double.isFinite(row[i])) {
          throw new IllegalArgumentException(
              "values must be finite but row " + r + " has " + row[i] + " at feature " + i);
        }
        low[i] = Math.min(low[i], row[i]);
        high[i] = Math.max(high[i], row[i]);
      }
    }
    return new Scaling(low, high);
  }

  /** Number of features. */
  public int features() {
    return low.length;
  }

  /** What becomes -1, in original units. */
  public double low(int feature) {
    return low[feature];
  }

  /** What becomes 1, in original units. */
  public double high(int feature) {
    return high[feature];
  }

  /**
   * Scales a row; values outside their feature's range come to lie outside [-1, 1].
   *
   * @param row one value a feature, in original units
   * @return a new array
   */
  public float[] apply(double[] row) {
    requireLength(row.length, low.length, 0);
    float[] scaled = new float[row.length];
    for (int i = 0; i < row.length; i++) {
      double range = high[i] - low[i];
      scaled[i] = range == 0 ? 0 : (float) ((row[i] - low[i]) / range * 2 - 1);
    }
    return scaled;
  }

  /**
   * Brings samples back to original units. A feature whose range is a single value becomes that
   * value.
   *
   * @param samples {@code [n, features]}, scaled
   * @return a new array {@code [n, features]} of type DOUBLE
   */
  public INDArray invert(INDArray samples) {
    if (samples.rank() != 2 || samples.size(1) != low.length) {
      throw new IllegalArgumentException(
          "samples must have shape [n, "
              + low.length
              + "] but had "
              + Arrays.toString(samples.shape()));
    }
    double[] values = Samples.doubles(samples);
    for (int i = 0; i < values.length; i++) {
      int feature = i % low.length;
      values[i] = low[feature] + (values[i] / 2 + 0.5) * (high[feature] - low[feature]);
    }
    return Nd4j.create(values, samples.shape().clone(), 'c');
  }

  static void requireRows(int rows) {
    if (rows == 0) {
      throw new IllegalArgumentException("rows must be at least 1 but were 0");
    }
  }

  private static void requireLength(int length, int features, int row) {
    if (length != features) {
      throw new IllegalArgumentException(
          "row " + row + " must have " + features + " features but has " + length);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Scaling that
        && Arrays.equals(low, that.low)
        && Arrays.equals(high, that.high);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(low) + Arrays.hashCode(high);
  }

  @Override
  public String toString() {
    return "Scaling[low=" + Arrays.toString(low) + ", high=" + Arrays.toString(high) + "]";
  }
}
