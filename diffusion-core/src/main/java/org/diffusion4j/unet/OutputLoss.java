package org.diffusion4j.unet;

/**
 * A loss that is a sum over the samples of a batch, each a function of the model's output for it.
 */
@FunctionalInterface
public interface OutputLoss {

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
}
