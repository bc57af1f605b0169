package org.diffusion4j;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A loss of a model's outputs, given per sample; the loss of a batch is the sum over its samples.
 * It computes its own derivative, so the network need not contain the loss.
 */
@FunctionalInterface
public interface SampleLoss {

  /**
   * The loss of one sample. Several threads may call this at the same time for different samples.
   * It may call any model, including the one that is running, for predictions, gradients and
   * samples, but must not close a running model.
   *
   * @param sample index within the batch
   * @param output of the model for it, in C order; not to be kept or changed
   * @param gradient receives the derivative of the loss with respect to each value of the output;
   *     its previous content is undefined
   * @return the sample's loss
   */
  double of(int sample, float[] output, float[] gradient);

  /**
   * The mean squared error {@code mean((output - target)^2)} over all values of a batch.
   *
   * @param target what the outputs should be, {@code [n, ...]}; copied
   */
  static SampleLoss meanSquaredError(INDArray target) {
    double[] weights = new double[Math.toIntExact(target.size(0))];
    Arrays.fill(weights, 1);
    try (INDArray copy = target.dup('c')) {
      return meanSquaredError(copy.data().asFloat(), weights);
    }
  }

  /**
   * The mean over all values of a batch of the squared error multiplied by the sample's weight.
   *
   * @param target what the outputs should be, in C order, sample after sample; must not be changed
   *     afterwards
   * @param weights one per sample; must not be changed afterwards
   * @return a loss that throws {@link IllegalArgumentException} if outputs have another length
   */
  static SampleLoss meanSquaredError(float[] target, double[] weights) {
    int length = target.length / weights.length;
    return (sample, output, gradient) -> {
      if (output.length != length) {
        throw new IllegalArgumentException(
            "outputs must have " + length + " values per sample but had " + output.length);
      }
      double weight = weights[sample] / target.length;
      float slope = (float) (2 * weight);
      int first = sample * length;
      double sum = 0;
      for (int i = 0; i < length; i++) {
        float error = output[i] - target[first + i];
        sum += (double) error * error;
        gradient[i] = slope * error;
      }
      return weight * sum;
    };
  }
}
