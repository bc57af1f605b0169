package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Moves along the probability flow in the coordinates of k-diffusion, {@code x / signal = x_0 +
 * sigma epsilon}, where its derivative by sigma is the noise: Karras et al. 2022, equation 3.
 */
final class Flow {

  private Flow() {}

  /**
   * Euler's step: {@code x / signal + (sigma' - sigma) direction}, written with the clean samples.
   *
   * @param x at the level {@code from}
   * @param sigma where the step ends
   * @param to the level in whose scale the result is, that of {@code sigma} or a higher one to
   *     which noise is still to be added
   */
  static INDArray euler(INDArray x, INDArray x0, Level from, double sigma, Level to) {
    double kept = sigma / from.sigma();
    return Linear.combine(to.signal() * kept / from.signal(), x, to.signal() * (1 - kept), x0);
  }

  /** {@code x / signal + (sigma' - sigma) direction} from one level to another. */
  static INDArray along(INDArray x, INDArray direction, Level from, Level to) {
    return Linear.combine(
        to.signal() / from.signal(), x, to.signal() * (to.sigma() - from.sigma()), direction);
  }

  /**
   * The noise that an ancestral step from one sigma to another adds: the deviation of DDPM's
   * posterior (k-diffusion).
   */
  static double up(double from, double to) {
    return to * Math.sqrt(from * from - to * to) / from;
  }

  /** Where an ancestral step goes before, {@code sqrt(to^2 - up^2)}. */
  static double down(double from, double to) {
    return to * to / from;
  }
}
