package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Moves along the probability flow ODE in the coordinates of k-diffusion, {@code x / signal = x_0 +
 * sigma epsilon}, in which the derivative with respect to sigma is the noise: Karras et al. 2022,
 * equation 3.
 */
final class Flow {

  private Flow() {}

  /**
   * Euler's step {@code x / signal + (sigma' - sigma) direction}, written with the clean samples.
   *
   * @param x at the level {@code from}
   * @param sigma the end of the step
   * @param to the level that determines the result's scale: that of {@code sigma}, or a higher one
   *     if noise will be added
   */
  static INDArray euler(INDArray x, INDArray x0, Level from, double sigma, Level to) {
    double left = sigma / from.sigma();
    return Elements.combine(to.signal() * sigma / from.noise(), x, to.signal() * (1 - left), x0);
  }

  /** {@code x / signal + (sigma' - sigma) direction} from one level to another. */
  static INDArray along(INDArray x, INDArray direction, Level from, Level to) {
    return Elements.combine(
        to.signal() / from.signal(), x, to.signal() * (to.sigma() - from.sigma()), direction);
  }

  /**
   * The standard deviation of the noise that an ancestral step adds: that of DDPM's posterior
   * (k-diffusion).
   */
  static double up(double from, double to) {
    return to * Math.sqrt(from * from - to * to) / from;
  }

  /** The sigma of an ancestral step before noise is added, {@code sqrt(to^2 - up^2)}. */
  static double down(double from, double to) {
    return to * to / from;
  }
}
