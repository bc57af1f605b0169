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
   * @param model that is to be trained
   * @throws IllegalArgumentException if not
   */
  default void check(Denoiser model) {}

  /**
   * The mean squared error of what the model predicts: DDPM (Ho et al. 2020), equation 14. Of a
   * model that does not learn the variance.
   */
  static Objective simple() {
    return weighted(Weighting.simple());
  }

  /**
   * The mean squared error of what the model predicts, times a weight. Of a model that does not
   * learn the variance.
   *
   * @param weighting how much each timestep counts
   */
  static Objective weighted(Weighting weighting) {
    return new MeanSquaredError(weighting);
  }

  /** {@link #hybrid(double)} with lambda 0.001, as in the paper. */
  static Objective hybrid() {
    return hybrid(0.001);
  }

  /**
   * {@code L_simple + lambda L_vlb} of a model that learns the variance: Improved DDPM (Nichol and
   * Dhariwal 2021), equation 16. L_vlb trains the variance alone, for the mean in it is held fixed.
   *
   * <p>L_vlb is the sum over all timesteps, equation 4, in nats for each value of a sample; the
   * timestep of a sample stands for all, so its term is multiplied by their number. (The authors'
   * program measures it in bits, as if lambda were 1.44 times larger.) Samples must have values in
   * [-1, 1], as 8-bit images have.
   *
   * @param lambda positive
   * @throws IllegalArgumentException if lambda is not positive or not finite
   */
  static Objective hybrid(double lambda) {
    return new Hybrid(lambda);
  }
}
