package org.diffusion4j.samplers;

import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a denoiser found in noisy samples, whatever it predicts: the clean samples, corrected, and
 * the noise as it was predicted.
 */
record Estimate(INDArray x0, INDArray epsilon) implements AutoCloseable {

  /** The estimate that an output stands for. */
  static Estimate of(
      Prediction prediction,
      INDArray x,
      INDArray output,
      double alphaBar,
      X0Correction correction) {
    INDArray epsilon = prediction.epsilon(x, output, alphaBar);
    Estimate estimate = new Estimate(prediction.x0(x, output, alphaBar), epsilon);
    boolean done = false;
    try {
      correction.correct(estimate.x0);
      done = true;
      return estimate;
    } finally {
      if (!done) {
        estimate.close();
      }
    }
  }

  @Override
  public void close() {
    x0.close();
    epsilon.close();
  }
}
