package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/** No correction; an enum, so that it can be recognised by comparison. */
enum NoCorrection implements X0Correction {
  NONE;

  @Override
  public void correct(INDArray x0, INDArray xt, Level level) {}
}
