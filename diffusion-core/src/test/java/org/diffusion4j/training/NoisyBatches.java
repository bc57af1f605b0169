package org.diffusion4j.training;

import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Batches to ask losses about. */
final class NoisyBatches {

  private NoisyBatches() {}

  /** Standard normal numbers, the same for a seed. */
  static INDArray normal(long seed, long... shape) {
    return NoiseSource.perSample(seed).start().batch(0, (int) shape[0]).next(shape);
  }

  static Loss.NoisyBatch of(INDArray x0, NoiseSchedule schedule, Prediction prediction, int... t) {
    INDArray noise = normal(2, x0.shape());
    INDArray xt = new ForwardProcess(schedule).noisy(x0, noise, t);
    return new Loss.NoisyBatch(x0, noise, xt, t, schedule, prediction);
  }
}
