package org.diffusion4j.training;

import org.diffusion4j.Prediction;

/**
 * How much the squared error of a prediction counts at each signal-to-noise ratio. Immutable;
 * {@code toString()} describes it.
 *
 * <p>Papers define a weight for the error of one kind of prediction. Errors of the same estimate
 * are related by {@code |epsilon error|^2 = snr |x_0 error|^2} and {@code |v error|^2 = (snr + 1)
 * |x_0 error|^2}, so that a weight of the x_0 error becomes one of the epsilon error by division by
 * snr, and one of the v error by division by snr + 1. All but {@link #simple()} thereby give a
 * model the same loss whatever it predicts.
 */
@FunctionalInterface
public interface Weighting {

  /**
   * The weight of the squared error of a model's own output.
   *
   * @param prediction what the output stands for
   * @param snr signal-to-noise ratio, at least 0, which is 0 where nothing of the signal is left
   * @return finite and at least 0; infinity where there is no such weight, which training refuses
   */
  double of(Prediction prediction, double snr);

  /** 1 for every prediction: DDPM (Ho et al. 2020), equation 14. */
  static Weighting simple() {
    return new Weightings.Simple();
  }

  /**
   * {@code min(snr, gamma)} for the x_0 error: Hang et al. 2023, section 3.
   *
   * @param gamma positive; 5 in the paper
   * @throws IllegalArgumentException if gamma is not positive or not finite
   */
  static Weighting minSnr(double gamma) {
    return new Weightings.MinSnr(gamma);
  }

  /**
   * {@code max(snr, 1)} for the x_0 error: Salimans and Ho 2022, section 4. Where the snr is 0 a
   * model of {@link Prediction#EPSILON} has no such weight.
   */
  static Weighting truncatedSnr() {
    return new Weightings.TruncatedSnr();
  }

  /**
   * {@code 1 / (k + snr)^gamma} for the epsilon error: P2, Choi et al. 2022, section 3.
   *
   * @param k positive; 1 in the paper
   * @param gamma at least 0; 0.5 or 1 in the paper
   * @throws IllegalArgumentException if k or gamma is out of range
   */
  static Weighting p2(double k, double gamma) {
    return new Weightings.P2(k, gamma);
  }
}
