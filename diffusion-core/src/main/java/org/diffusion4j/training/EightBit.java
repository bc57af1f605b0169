package org.diffusion4j.training;

/**
 * The likelihood of an 8-bit value scaled to [-1, 1]: the probability of a normal distribution
 * between the midpoints to the neighbouring values, and up to infinity at both ends. DDPM (Ho et
 * al. 2020), equation 13.
 */
final class EightBit {

  private static final double HALF_BIN = 1 / 255.0;

  /** A value closer than this to -1 or 1 is an end. */
  private static final double END = 0.001;

  private EightBit() {}

  /** The negative logarithm of the likelihood. */
  static double nats(double x0, double mean, double logVariance) {
    double scale = Math.exp(-0.5 * logVariance);
    return -NormalInterval.logProbability(lower(x0, mean, scale), upper(x0, mean, scale));
  }

  /** The derivative of {@link #nats} with respect to the logarithm of the variance. */
  static double slope(double x0, double mean, double logVariance) {
    double scale = Math.exp(-0.5 * logVariance);
    return 0.5 * NormalInterval.logScaleSlope(lower(x0, mean, scale), upper(x0, mean, scale));
  }

  private static double lower(double x0, double mean, double scale) {
    return x0 < -1 + END ? Double.NEGATIVE_INFINITY : scale * (x0 - HALF_BIN - mean);
  }

  private static double upper(double x0, double mean, double scale) {
    return x0 > 1 - END ? Double.POSITIVE_INFINITY : scale * (x0 + HALF_BIN - mean);
  }

  /**
   * @throws IllegalArgumentException if a value is not in [-1, 1], apart from rounding errors
   */
  static void requireRange(float[] x0) {
    for (float value : x0) {
      if (!(Math.abs(value) <= 1 + END)) {
        throw new IllegalArgumentException(
            "values must be in [-1, 1] for the likelihood of 8-bit images but one was " + value);
      }
    }
  }
}
