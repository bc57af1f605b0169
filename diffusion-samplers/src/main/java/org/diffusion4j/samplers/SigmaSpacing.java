package org.diffusion4j.samplers;

import java.util.function.DoubleUnaryOperator;

/**
 * The spacing of noise levels between the highest and the lowest; documented in {@link
 * Timesteps.Spacing}.
 */
enum SigmaSpacing {
  KARRAS {
    @Override
    double[] descending(double max, double min, int n) {
      return karras(max, min, n, 7);
    }
  },

  EXPONENTIAL {
    @Override
    double[] descending(double max, double min, int n) {
      double from = Math.log(max);
      double to = Math.log(min);
      return along(n, u -> Math.exp(from + u * (to - from)));
    }
  },

  BETA {
    @Override
    double[] descending(double max, double min, int n) {
      return along(n, u -> min + BetaQuantile.of(1 - u) * (max - min));
    }
  },

  LOG_SNR {
    @Override
    double[] descending(double max, double min, int n) {
      return EXPONENTIAL.descending(max, min, n);
    }
  };

  abstract double[] descending(double max, double min, int n);

  /** Levels evenly spaced in {@code sigma^(1/rho)}. */
  static double[] karras(double max, double min, int n, double rho) {
    double from = Math.pow(max, 1 / rho);
    double to = Math.pow(min, 1 / rho);
    return along(n, u -> Math.pow(from + u * (to - from), rho));
  }

  private static double[] along(int n, DoubleUnaryOperator level) {
    double[] levels = new double[n];
    for (int i = 0; i < n; i++) {
      levels[i] = level.applyAsDouble(n == 1 ? 0 : (double) i / (n - 1));
    }
    return levels;
  }
}
