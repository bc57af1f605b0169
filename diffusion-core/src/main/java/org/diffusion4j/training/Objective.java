package org.diffusion4j.training;

import org.diffusion4j.unet.OutputLoss;

/** What training makes small. Immutable; {@code toString()} describes it. */
@FunctionalInterface
public interface Objective {

  /**
   * The loss of a batch as a function of the model's outputs.
   *
   * @param batch what the model is asked about; valid as long as the loss is used
   */
  OutputLoss loss(NoisyBatch batch);

  /** The mean squared error of what the model predicts: DDPM (Ho et al. 2020), equation 14. */
  static Objective simple() {
    return new MeanSquaredError();
  }
}
