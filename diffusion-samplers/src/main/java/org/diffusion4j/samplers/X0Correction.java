package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A correction of the clean samples that a step predicts, applied before they are used. Stateless.
 */
@FunctionalInterface
public interface X0Correction {

  /**
   * Corrects predicted samples in place.
   *
   * @param x0 the predicted clean samples, FLOAT {@code [n, sampleShape...]}
   * @param xt the noisy samples from which they were predicted, of the same shape; must not be
   *     changed
   * @param level the noise level of {@code xt}
   */
  void correct(INDArray x0, INDArray xt, Level level);

  /** No correction. */
  static X0Correction none() {
    return NoCorrection.NONE;
  }

  /**
   * Clips values to a range.
   *
   * @param range positive; values are clipped to [-range, range]
   */
  static X0Correction clip(double range) {
    if (!(range > 0)) {
      throw new IllegalArgumentException("clip range must be positive but was " + range);
    }
    return (x0, xt, level) -> Elements.clamp(x0, range);
  }

  /**
   * Dynamic thresholding (Saharia et al. 2022, section 2.3): each sample is clipped to a quantile
   * of its absolute values, which is limited to [1, limit], and divided by it.
   *
   * @param ratio the quantile, in (0, 1]
   * @param limit positive; a limit below 1 is itself the threshold, as in diffusers
   */
  static X0Correction dynamicThreshold(double ratio, double limit) {
    if (!(ratio > 0 && ratio <= 1)) {
      throw new IllegalArgumentException("quantile must be in (0, 1] but was " + ratio);
    }
    if (!(limit > 0)) {
      throw new IllegalArgumentException("limit must be positive but was " + limit);
    }
    return (x0, xt, level) -> {
      for (int i = 0; i < x0.size(0); i++) {
        INDArray sample = x0.tensorAlongDimension(i, rest(x0.rank()));
        double threshold = Math.min(Math.max(quantile(sample, ratio), 1), limit);
        Elements.clamp(sample, threshold);
        Elements.divide(sample, threshold);
      }
    };
  }

  private static int[] rest(int rank) {
    int[] dimensions = new int[rank - 1];
    for (int d = 1; d < rank; d++) {
      dimensions[d - 1] = d;
    }
    return dimensions;
  }

  /** The quantile of absolute values, interpolated linearly. */
  private static double quantile(INDArray sample, double ratio) {
    float[] values;
    try (INDArray copy = sample.dup('c')) {
      values = copy.data().asFloat();
    }
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.abs(values[i]);
    }
    Arrays.sort(values);
    double position = ratio * (values.length - 1);
    int below = (int) position;
    int above = Math.min(below + 1, values.length - 1);
    return values[below] + (position - below) * (values[above] - values[below]);
  }
}
