package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/** That predicted clean samples are used as they are, which is known by comparing. */
enum NoCorrection implements X0Correction {
  NONE;

  @Override
  public void correct(INDArray x0, INDArray xt, Level level) {}
}
