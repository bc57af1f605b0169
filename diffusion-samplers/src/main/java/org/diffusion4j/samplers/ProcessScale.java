package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Between the scale that preserves variance, in which samplers keep their samples whatever the
 * process, and that of a denoiser's process.
 */
record ProcessScale(NoiseSchedule schedule) {

  /** The level of the process at which the noise level is the same. */
  Level own(Level level) {
    Level own = schedule.levelOfSigma(level.sigma());
    return own.scale() == 1 ? level : own;
  }

  /**
   * The samples in the scale of the process.
   *
   * @param x in the scale that preserves variance; not changed
   * @param own their level in the process
   * @return {@code x} itself if the scales are the same, or new samples
   */
  INDArray scaled(INDArray x, Level own) {
    return own.scale() == 1 ? x : Elements.times(own.scale(), x);
  }
}
