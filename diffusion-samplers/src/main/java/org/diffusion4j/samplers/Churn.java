package org.diffusion4j.samplers;

/**
 * How much noise is added anew before a step: EDM (Karras et al. 2022), algorithm 2.
 *
 * @param amount S_churn, at least 0; divided among the steps, and at most {@code sqrt(2) - 1} of
 *     sigma a step
 * @param sigmaMin S_tmin, the lowest sigma at which it is added, at least 0
 * @param sigmaMax S_tmax, the highest
 * @param noise S_noise, the standard deviation of the new noise, positive; a little above 1 makes
 *     up for denoisers that take too much away
 */
public record Churn(double amount, double sigmaMin, double sigmaMax, double noise) {

  /** None. */
  public static final Churn NONE = of(0);

  public Churn {
    if (!(amount >= 0 && amount < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("churn must be at least 0 but was " + amount);
    }
    if (!(sigmaMin >= 0 && sigmaMin <= sigmaMax)) {
      throw new IllegalArgumentException(
          "sigmas of churn must be at least 0 and in order but were "
              + sigmaMin
              + " and "
              + sigmaMax);
    }
    if (!(noise > 0 && noise < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("noise of churn must be positive but was " + noise);
    }
  }

  /** Of an amount, at every sigma, with standard noise. */
  public static Churn of(double amount) {
    return new Churn(amount, 0, Double.POSITIVE_INFINITY, 1);
  }

  /** By what factor sigma grows in one of some steps, less 1. */
  double gamma(double sigma, int steps) {
    return sigma >= sigmaMin && sigma <= sigmaMax ? Math.min(amount / steps, Math.sqrt(2) - 1) : 0;
  }

  /** The standard deviation of what is added to {@code x / signal}. */
  double deviation(double sigma, double raised) {
    return noise * Math.sqrt(raised * raised - sigma * sigma);
  }
}
