package org.diffusion4j.micrometer;

import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.nd4j.linalg.api.ndarray.INDArray;

/** {@link SamplingMeters#denoiser}. */
record MeteredDenoiser(Denoiser denoiser, Calls calls) implements Denoiser {

  @Override
  public NoiseSchedule schedule() {
    return denoiser.schedule();
  }

  @Override
  public long[] sampleShape() {
    return denoiser.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return denoiser.prediction();
  }

  @Override
  public boolean learnsVariance() {
    return denoiser.learnsVariance();
  }

  @Override
  public boolean isDeterministic() {
    return denoiser.isDeterministic();
  }

  @Override
  public Condition.Takes takes() {
    return denoiser.takes();
  }

  @Override
  public OptionalLong predictionBytes(int n) {
    return denoiser.predictionBytes(n);
  }

  @Override
  public boolean isDifferentiable() {
    return denoiser.isDifferentiable();
  }

  /** Is not counted: it is no prediction. */
  @Override
  public INDArray inputGradient(INDArray xt, INDArray t, Condition condition, SampleLoss loss) {
    return denoiser.inputGradient(xt, t, condition, loss);
  }

  @Override
  public OptionalLong inputGradientBytes(int n) {
    return denoiser.inputGradientBytes(n);
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    try (Calls.Call call = calls.begin()) {
      try {
        INDArray prediction = denoiser.predict(xt, t, condition);
        call.completed();
        return prediction;
      } catch (RuntimeException | Error e) {
        call.failed(e);
        throw e;
      }
    }
  }

  @Override
  public String toString() {
    return denoiser.toString();
  }
}
