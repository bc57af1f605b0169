package org.diffusion4j.data;

import java.math.BigDecimal;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A linear map of each feature's range to [-1, 1] and its inverse. A feature whose range is a
 * single value maps to 0. The inverse can round values and clamp them to their range ({@link
 * #withDecimals}). Immutable.
 */
public final class Scaling {

  /** Larger doubles have no decimals to round. */
  private static final double MOST_ROUNDED = 1L << 53;

  private static final int MOST_DECIMALS = 9;

  private final double[] low;
  private final double[] high;
  private final int @Nullable [] decimals;

  private Scaling(double[] low, double[] high, int @Nullable [] decimals) {
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
    this.decimals = decimals;
  }

  /**
   * The scaling with given ranges.
   *
   * @param low the value that maps to -1, for each feature
   * @param high the value that maps to 1, for each feature; at least {@code low}
   */
  public static Scaling of(double[] low, double[] high) {
    return new Scaling(low.clone(), high.clone(), null);
  }

  /**
   * The scaling from the smallest and greatest value of each feature.
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
    return new Scaling(low, high, null);
  }

  /**
   * {@link #fit(double[][])}.
   *
   * @param common whether all features get the range of all values
   */
  static Scaling fit(double[][] rows, boolean common) {
    Scaling each = fit(rows);
    if (!common) {
      return each;
    }
    double[] low = each.low.clone();
    double[] high = each.high.clone();
    Arrays.fill(low, Arrays.stream(low).min().orElseThrow());
    Arrays.fill(high, Arrays.stream(high).max().orElseThrow());
    return new Scaling(low, high, null);
  }

  /**
   * A copy whose {@link #invert} rounds each feature to a number of decimals, half to even, and
   * clamps it to its range.
   *
   * @param decimals one number per feature: in [0, 9], 0 for whole numbers, or -1 for no rounding
   */
  public Scaling withDecimals(int... decimals) {
    if (decimals.length != low.length) {
      throw new IllegalArgumentException(
          "decimals must be one per feature, " + low.length + ", but were " + decimals.length);
    }
    for (int each : decimals) {
      if (each < -1 || each > MOST_DECIMALS) {
        throw new IllegalArgumentException(
            "decimals must be in [-1, " + MOST_DECIMALS + "] but were " + each);
      }
    }
    return new Scaling(low, high, decimals.clone());
  }

  /** The number of decimals that each feature has in all rows; -1 if there are more than 9. */
  static int[] decimals(double[][] rows) {
    int[] decimals = new int[rows[0].length];
    for (double[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        int scale = Math.max(0, BigDecimal.valueOf(row[i]).stripTrailingZeros().scale());
        decimals[i] = decimals[i] < 0 || scale > MOST_DECIMALS ? -1 : Math.max(decimals[i], scale);
      }
    }
    return decimals;
  }

  /** The number of features. */
  public int features() {
    return low.length;
  }

  /** The value that maps to -1, in original units. */
  public double low(int feature) {
    return low[feature];
  }

  /** The value that maps to 1, in original units. */
  public double high(int feature) {
    return high[feature];
  }

  /**
   * Scales a row. Values outside their feature's range are scaled to values outside [-1, 1].
   *
   * @param row one value per feature, in original units
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
   * Converts samples back to original units. A feature whose range is a single value becomes this
   * value. Values outside [-1, 1] map to values outside the range, unless {@link #withDecimals}
   * clamps them.
   *
   * @param samples {@code [n, features]}, or {@code [n, features, length]} of windows of a time
   *     series, scaled
   * @return a new array of the same shape, of type DOUBLE
   */
  public INDArray invert(INDArray samples) {
    if (samples.rank() < 2 || samples.size(1) != low.length) {
      throw new IllegalArgumentException(
          "samples must have shape [n, "
              + low.length
              + "] or [n, "
              + low.length
              + ", length] but had "
              + Arrays.toString(samples.shape()));
    }
    double[] values = Samples.doubles(samples);
    long each = samples.length() / samples.size(0) / low.length;
    for (int i = 0; i < values.length; i++) {
      int feature = (int) (i / each % low.length);
      double value = low[feature] + (values[i] / 2 + 0.5) * (high[feature] - low[feature]);
      values[i] = decimals == null ? value : likeData(value, feature, decimals[feature]);
    }
    return Nd4j.create(values, samples.shape().clone(), 'c');
  }

  private double likeData(double value, int feature, int places) {
    double unit = Math.pow(10, places);
    double rounded =
        places < 0 || !(Math.abs(value * unit) < MOST_ROUNDED)
            ? value
            : Math.rint(value * unit) / unit;
    return Math.max(low[feature], Math.min(high[feature], rounded));
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
        && Arrays.equals(high, that.high)
        && Arrays.equals(decimals, that.decimals);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Arrays.hashCode(low) + Arrays.hashCode(high)) + Arrays.hashCode(decimals);
  }

  @Override
  public String toString() {
    return "Scaling[low="
        + Arrays.toString(low)
        + ", high="
        + Arrays.toString(high)
        + (decimals == null ? "" : ", decimals=" + Arrays.toString(decimals))
        + "]";
  }
}
