package org.diffusion4j.samplers;

/** The quantiles of the beta distribution with both parameters 0.6. */
final class BetaQuantile {

  private static final double PARAMETER = 0.6;

  /** {@code Gamma(0.6)^2 / Gamma(1.2)}, the integral of the density's numerator. */
  private static final double WHOLE = 2 * half(0.5);

  private BetaQuantile() {}

  /** The quantile for a probability in [0, 1]. */
  static double of(double probability) {
    if (probability > 0.5) {
      return 1 - of(1 - probability); // it is symmetric
    }
    double low = 0;
    double high = 0.5;
    for (int i = 0; i < 200 && low < high; i++) {
      double middle = (low + high) / 2;
      if (middle == low || middle == high) {
        break;
      }
      if (half(middle) / WHOLE < probability) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return probability == 0 ? 0 : high;
  }

  /**
   * The integral of {@code (x (1 - x))^(a - 1)} from 0 to x, for x up to a half, by the binomial
   * series of {@code (1 - x)^(a - 1)}.
   */
  private static double half(double x) {
    double coefficient = 1;
    double sum = 0;
    for (int k = 0; k < 100; k++) {
      sum += coefficient * Math.pow(x, PARAMETER + k) / (PARAMETER + k);
      coefficient *= (1 - PARAMETER + k) / (k + 1);
    }
    return sum;
  }
}
