package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Where samples were after a step. Owned by whoever is given it.
 *
 * @param index number of the step, from 0
 * @param t the timestep that the denoiser was asked about, which may lie between two whole ones
 * @param x the samples after the step, FLOAT {@code [n, sampleShape...]}
 * @param x0 the clean samples predicted in the step, of the same shape
 */
public record TrajectoryStep(int index, double t, INDArray x, INDArray x0)
    implements AutoCloseable {

  /** Frees the memory of both arrays. */
  @Override
  public void close() {
    x.close();
    x0.close();
  }
}
