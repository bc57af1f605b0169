package org.diffusion4j.training;

import java.util.function.IntToDoubleFunction;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A denoiser that says of every value of a timestep the same about its variance. */
record WithVariance(Denoiser of, IntToDoubleFunction v) implements Denoiser {

  @Override
  public NoiseSchedule schedule() {
    return of.schedule();
  }

  @Override
  public long[] sampleShape() {
    return of.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return of.prediction();
  }

  @Override
  public boolean learnsVariance() {
    return true;
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    float[] timesteps = Floats.of(t);
    float[] values = new float[(int) xt.length()];
    int length = values.length / timesteps.length;
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) v.applyAsDouble((int) timesteps[i / length]);
    }
    return Nd4j.concat(1, of.predict(xt, t, condition), Nd4j.create(values, xt.shape(), 'c'));
  }
}
