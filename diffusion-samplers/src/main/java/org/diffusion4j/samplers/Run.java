package org.diffusion4j.samplers;

import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A run of a method on one batch, with the state that it keeps between steps. */
@FunctionalInterface
interface Run extends AutoCloseable {

  /**
   * Changes the samples before the denoiser call, for example adds noise.
   *
   * @param x not changed
   * @return {@code x} itself, or new samples at the level {@link Transition#at()}
   */
  default INDArray before(Transition step, INDArray x, Supplier<INDArray> noise) {
    return x;
  }

  /**
   * Performs a step.
   *
   * @param step the transition
   * @param estimate the estimates for {@code x}; closed after the step
   * @param x the samples; not changed, and closed after the step
   * @param noise returns standard normal noise of the shape of {@code x}, which must be closed
   * @return new samples
   */
  INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise);

  /** Frees the state. */
  @Override
  default void close() {}
}
