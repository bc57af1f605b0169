package org.diffusion4j.unet;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.engine.graph.Precision;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A denoiser that shares the weights of another and computes products of convolutions in bfloat16.
 */
record Bfloat16Denoiser(SameDiffDenoiser full) implements Denoiser {

  @Override
  public NoiseSchedule schedule() {
    return full.schedule();
  }

  @Override
  public long[] sampleShape() {
    return full.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return full.prediction();
  }

  @Override
  public boolean learnsVariance() {
    return full.learnsVariance();
  }

  @Override
  public boolean isDeterministic() {
    return full.isDeterministic();
  }

  @Override
  public Condition.Takes takes() {
    return full.takes();
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    return full.predict(xt, t, condition, Precision.BFLOAT16);
  }
}
