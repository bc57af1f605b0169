package org.diffusion4j.samplers;

import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

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

  /** The level to which it raises another in one of some steps; the same where it adds nothing. */
  Level raised(Level level, int steps) {
    double gamma = gamma(level.sigma(), steps);
    return gamma == 0 ? level : Level.ofSigma(level.sigma() * (1 + gamma));
  }

  /**
   * Samples at a raised level.
   *
   * @param x at the level {@code from}; left unchanged
   * @return new samples
   */
  INDArray addTo(INDArray x, Level from, Level raised, Supplier<INDArray> drawn) {
    double sigma = from.sigma();
    double deviation = noise * Math.sqrt(raised.sigma() * raised.sigma() - sigma * sigma);
    return Linear.addNoise(
        x.mul(raised.signal() / from.signal()), raised.signal() * deviation, drawn);
  }
}
