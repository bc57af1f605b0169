package org.diffusion4j.samplers;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A denoiser that is a function of the noisy samples, of the timesteps and of the condition. */
record FunctionDenoiser(
    NoiseSchedule schedule, long[] sampleShape, Prediction prediction, Function function)
    implements Denoiser {

  /** One that predicts noise. */
  static FunctionDenoiser of(NoiseSchedule schedule, Function function, long... sampleShape) {
    return new FunctionDenoiser(schedule, sampleShape, Prediction.EPSILON, function);
  }

  static FunctionDenoiser of(
      NoiseSchedule schedule, Prediction prediction, Function function, long... sampleShape) {
    return new FunctionDenoiser(schedule, sampleShape, prediction, function);
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    return function.predict(xt, t, condition);
  }

  @FunctionalInterface
  interface Function {
    INDArray predict(INDArray xt, INDArray t, Condition condition);
  }
}
