package org.diffusion4j.samplers;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The reference traces' model: {@code (x t) / (t + 1)}. */
record DummyDenoiser(NoiseSchedule schedule, Prediction prediction, long[] sampleShape)
    implements Denoiser {

  static DummyDenoiser of(SchedulerConfig config, long... sampleShape) {
    return new DummyDenoiser(config.schedule(), config.prediction(), sampleShape);
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    float time = t.getFloat(0);
    return xt.mul(time).divi(time + 1);
  }
}
