package org.diffusion4j.training;

/**
 * The probability that a standard normal number lies between a and b, {@code a < b}. One of them
 * may be infinite. The logarithm is accurate even if the probability is too small for a double.
 */
final class NormalInterval {

  private static final double LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);

  private NormalInterval() {}

  static double logProbability(double a, double b) {
    if (a + b < 0) {
      return logProbability(-b, -a);
    }
    return a > 0
        ? -0.5 * a * a - LOG_ROOT_TWO_PI + Math.log(overDensity(a, b))
        : Math.log1p(-(density(b) * mills(b) + density(a) * mills(-a)));
  }

  /**
   * The derivative of {@link #logProbability} with respect to the logarithm of a factor of both
   * ends, {@code (b density(b) - a density(a)) / probability}.
   */
  static double logScaleSlope(double a, double b) {
    if (a + b < 0) {
      return logScaleSlope(-b, -a);
    }
    boolean open = b == Double.POSITIVE_INFINITY;
    if (a > 0) {
      return ((open ? 0 : b * decay(a, b)) - a) / overDensity(a, b);
    }
    return ((open ? 0 : b * density(b)) - a * density(a)) / Math.exp(logProbability(a, b));
  }

  /** The probability divided by the density at a, for a above 0. */
  private static double overDensity(double a, double b) {
    return mills(a) - decay(a, b) * mills(b);
  }

  /** The density at b divided by that at a. */
  private static double decay(double a, double b) {
    return Math.exp(0.5 * (a - b) * (a + b));
  }

  private static double density(double z) {
    return Math.exp(-0.5 * z * z - LOG_ROOT_TWO_PI);
  }

  /**
   * Mills' ratio, the probability of more than z divided by the density at z, for z of at least 0:
   * Abramowitz and Stegun 1964, 26.2.11 and 26.2.14.
   */
  static double mills(double z) {
    if (z > 2) {
      double fraction = z;
      for (int n = 60; n > 0; n--) {
        fraction = z + n / fraction;
      }
      return 1 / fraction;
    }
    double sum = 0;
    double term = z;
    for (int n = 1; term > 1e-17 * sum; n += 2) {
      sum += term;
      term *= z * z / (n + 2);
    }
    return Math.sqrt(Math.PI / 2) * Math.exp(0.5 * z * z) - sum;
  }
}
