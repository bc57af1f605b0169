package org.diffusion4j.training;

import org.diffusion4j.ForwardProcess;
import org.diffusion4j.unet.OutputLoss;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The mean squared error of the prediction. */
record MeanSquaredError() implements Objective {

  @Override
  public OutputLoss loss(NoisyBatch batch) {
    float[] target = target(batch);
    int n = batch.t().length;
    int length = target.length / n;
    return (sample, output, gradient) -> {
      double sum = 0;
      float factor = 2f / target.length;
      for (int i = 0; i < length; i++) {
        float error = output[i] - target[sample * length + i];
        sum += (double) error * error;
        gradient[i] = factor * error;
      }
      return sum / target.length;
    };
  }

  /** What the outputs should be, in C order. */
  private static float[] target(NoisyBatch batch) {
    return switch (batch.prediction()) {
      case EPSILON -> floats(batch.noise());
      case SAMPLE -> floats(batch.x0());
      case VELOCITY -> {
        ForwardProcess process = new ForwardProcess(batch.schedule());
        try (INDArray velocity = process.velocity(batch.x0(), batch.noise(), batch.t())) {
          yield floats(velocity);
        }
      }
    };
  }

  private static float[] floats(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }
}
