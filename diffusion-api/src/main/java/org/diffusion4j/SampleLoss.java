package org.diffusion4j;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A loss of a model's outputs: the sum over the samples of a batch of what this says of each. It
 * gives its own derivative, so that a network need know no loss.
 */
@FunctionalInterface
public interface SampleLoss {

  /**
   * The loss of one sample. Several threads may ask at once, each about another sample. It may ask
   * any model, this one too, for predictions, gradients and samples, but close none that runs.
   *
   * @param sample index within the batch
   * @param output of the model for it, in C order; not to be kept or changed
   * @param gradient to be filled with the derivative of the loss by each value of the output; holds
   *     anything before
   * @return the sample's loss, which is added to those of the others
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
   * The mean over all values of a batch of the squared error, times the sample's weight.
   *
   * @param target what the outputs should be, in C order, sample after sample; not to be changed
   *     afterwards
   * @param weights of the samples; not to be changed afterwards
   * @return a loss that throws an {@link IllegalArgumentException} if outputs have another length
   */
  static SampleLoss meanSquaredError(float[] target, double[] weights) {
    int length = target.length / weights.length;
    return (sample, output, gradient) -> {
      if (output.length != length) {
        throw new IllegalArgumentException(
            "outputs must have " + length + " values a sample but had " + output.length);
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
