package org.diffusion4j.training;

import org.diffusion4j.Denoiser;
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

  /**
   * Checks, before training begins, that a model can be trained for this. By default every one can.
   *
   * @throws IllegalArgumentException if not
   */
  default void check(Denoiser model) {}

  /** The mean squared error of what the model predicts: DDPM (Ho et al. 2020), equation 14. */
  static Objective simple() {
    return new MeanSquaredError();
  }
}
