package org.diffusion4j.samplers;

import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A run's denoiser: counts the calls, and before each sees whether the run is to go on. */
final class WatchedDenoiser implements Denoiser {

  private final Denoiser model;
  private final Runnable before;
  private int calls;

  /**
   * @param before called before each call; throws where the run is to end
   */
  WatchedDenoiser(Denoiser model, Runnable before) {
    this.model = model;
    this.before = before;
  }

  /** How often the denoiser was asked. */
  int calls() {
    return calls;
  }

  @Override
  public NoiseSchedule schedule() {
    return model.schedule();
  }

  @Override
  public long[] sampleShape() {
    return model.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return model.prediction();
  }

  @Override
  public boolean learnsVariance() {
    return model.learnsVariance();
  }

  @Override
  public OptionalLong predictionBytes(int n) {
    return model.predictionBytes(n);
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    before.run();
    calls++;
    return model.predict(xt, t, condition);
  }
}
