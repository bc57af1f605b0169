package org.diffusion4j.examples.serve;

import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Predicts for two conditions and mixes the predictions, each sample in its own proportion. So
 * samples come to lie between what the conditions show.
 */
final class BetweenConditions implements Denoiser {

  private final Denoiser model;
  private final Condition to;
  private final float[] parts;

  /**
   * @param model of pictures
   * @param to what is mixed with the condition that a run gives; for all of its samples
   * @param parts how much of it, in [0, 1]
   */
  BetweenConditions(Denoiser model, Condition to, float... parts) {
    this.model = model;
    this.to = to;
    this.parts = parts.clone();
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
  public boolean isDeterministic() {
    return model.isDeterministic();
  }

  @Override
  public Condition.Takes takes() {
    return model.takes();
  }

  /** {@inheritDoc} It includes the other prediction and a copy. */
  @Override
  public OptionalLong predictionBytes(int n) {
    OptionalLong once = model.predictionBytes(n);
    long output = (long) Float.BYTES * n * (learnsVariance() ? 2 : 1);
    for (long side : sampleShape()) {
      output *= side;
    }
    return once.isEmpty() ? once : OptionalLong.of(once.getAsLong() + 2 * output);
  }

  /** In this form the first and the last prediction are exactly those of their conditions. */
  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition from) {
    try (INDArray first = model.predict(xt, t, from);
        INDArray other = model.predict(xt, t, to);
        INDArray part = Nd4j.create(parts, new long[] {parts.length, 1, 1, 1}, 'c');
        INDArray rest = part.rsub(1);
        INDArray ofOther = other.muli(part)) {
      return first.mul(rest).addi(ofOther);
    }
  }
}
