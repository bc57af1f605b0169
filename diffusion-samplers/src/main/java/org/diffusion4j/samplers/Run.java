package org.diffusion4j.samplers;

import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A method at work on one batch, with what it remembers from step to step. */
@FunctionalInterface
interface Run extends AutoCloseable {

  /**
   * What is done to the samples before the denoiser sees them, such as adding noise.
   *
   * @param x left unchanged
   * @return {@code x} itself, or new samples at the level {@link Transition#at()}
   */
  default INDArray before(Transition step, INDArray x, Supplier<INDArray> noise) {
    return x;
  }

  /**
   * One step.
   *
   * @param step from where to where
   * @param estimate what the denoiser found in {@code x}; closed after the step
   * @param x the samples; left unchanged, and closed after the step
   * @param noise gives standard normal noise of the shape of {@code x}, to be closed
   * @return new samples
   */
  INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise);

  /** Frees what was remembered. */
  @Override
  default void close() {}
}
