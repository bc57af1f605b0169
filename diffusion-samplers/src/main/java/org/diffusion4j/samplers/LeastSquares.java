package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sums of squares of many values as a function of few parameters, made small. */
final class LeastSquares {

  private static final Logger LOG = LoggerFactory.getLogger(Samplers.class);

  private static final double RIDGE = 1e-9;
  private static final double FIRST_DAMPING = 1e-3;
  private static final int TRIALS = 4;

  private LeastSquares() {}

  /** Values that should be 0. */
  interface Residual {

    /**
     * The values for parameters.
     *
     * @return null if the parameters are not possible
     */
    float @Nullable [] of(double[] parameters);

    /**
     * The derivatives of the values with respect to each parameter.
     *
     * @param values at the parameters
     */
    float[][] derivatives(double[] parameters, float[] values);
  }

  /** The factors with which arrays add up to the goal as well as they can. */
  static double[] combination(float[][] arrays, float[] goal) {
    return solve(arrays, goal, RIDGE);
  }

  /** Solves the normal equations, with the diagonal raised by a part. */
  private static double[] solve(float[][] arrays, float[] goal, double damping) {
    int n = arrays.length;
    double[][] products = new double[n][n];
    double[] right = new double[n];
    for (int i = 0; i < n; i++) {
      right[i] = product(arrays[i], goal);
      for (int j = 0; j <= i; j++) {
        products[i][j] = product(arrays[i], arrays[j]);
        products[j][i] = products[i][j];
      }
    }
    double most = 0;
    for (int i = 0; i < n; i++) {
      most = Math.max(most, products[i][i]);
    }
    for (int i = 0; i < n; i++) {
      products[i][i] += damping * products[i][i] + Double.MIN_NORMAL + 1e-14 * most;
    }
    return Linear.solve(products, right);
  }

  private static double product(float[] a, float[] b) {
    double sum = 0;
    for (int k = 0; k < a.length; k++) {
      sum += (double) a[k] * b[k];
    }
    return sum;
  }

  private static double mean(double squares, float[] values) {
    return Math.sqrt(squares / values.length);
  }

  /** Those of several parameters whose sum of squares is the least; at least one is possible. */
  static double[] best(Residual residual, List<double[]> candidates) {
    double[] best = candidates.get(0);
    double least = Double.POSITIVE_INFINITY;
    for (double[] candidate : candidates) {
      float[] values = residual.of(candidate);
      double squares = values == null ? Double.POSITIVE_INFINITY : product(values, values);
      if (squares < least) {
        best = candidate;
        least = squares;
      }
    }
    return best;
  }

  /**
   * The method of Levenberg and Marquardt.
   *
   * @param start possible parameters
   * @param iterations the most computations of the derivatives
   * @param enough the relative fall of the sum of squares below which it ends
   * @return parameters that are no worse than the start
   */
  static double[] minimize(Residual residual, double[] start, int iterations, double enough) {
    double[] best = start.clone();
    float[] values = residual.of(best);
    if (values == null) {
      throw new IllegalArgumentException("the start must be possible but was not");
    }
    double least = product(values, values);
    double damping = FIRST_DAMPING;
    LOG.info("{} parameters: root mean square {}", start.length, mean(least, values));
    for (int k = 0; k < iterations; k++) {
      float[][] derivatives = residual.derivatives(best, values);
      double before = least;
      for (int trial = 0; trial < TRIALS; trial++) {
        double[] step = solve(derivatives, values, damping);
        double[] candidate = best.clone();
        Arrays.setAll(candidate, i -> candidate[i] - step[i]);
        float[] found = residual.of(candidate);
        double squares = found == null ? Double.POSITIVE_INFINITY : product(found, found);
        if (found != null && squares < least) {
          best = candidate;
          values = found;
          least = squares;
          damping /= 3;
          break;
        }
        damping *= 10;
      }
      LOG.info("iteration {}: root mean square {}", k + 1, mean(least, values));
      if (!(least < before * (1 - enough))) {
        break;
      }
    }
    return best;
  }
}
