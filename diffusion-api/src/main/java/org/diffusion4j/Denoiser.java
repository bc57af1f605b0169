package org.diffusion4j;

import java.util.OptionalLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A function that predicts the noise, or the clean sample, in a noisy sample: usually a trained
 * network.
 *
 * <p>It belongs to a noise schedule, which defines the timesteps. Implementations document whether
 * they are thread-safe; those of this library are.
 */
public interface Denoiser {

  /** The schedule that the timesteps of {@link #predict} refer to. */
  NoiseSchedule schedule();

  /**
   * The shape of one sample, without the batch: {@code {channels, height, width}} of an image,
   * {@code {features}} of a vector.
   */
  long[] sampleShape();

  /** What {@link #predict} returns. */
  default Prediction prediction() {
    return Prediction.EPSILON;
  }

  /**
   * Whether the output of {@link #predict} has twice as many channels (or features) as the samples:
   * the prediction, followed by a value v in [-1, 1] for each of its values. It interpolates the
   * logarithm of the reverse step's variance between the posterior variance (-1) and beta (1):
   * Nichol and Dhariwal 2021, equation 15.
   */
  default boolean learnsVariance() {
    return false;
  }

  /**
   * Which conditions {@link #predict} accepts. Samplers, guidance and training check their
   * condition before the first call. By default any condition is accepted and only the model checks
   * it.
   */
  default Condition.Takes takes() {
    return Condition.Takes.anything();
  }

  /**
   * The peak native memory of {@link #predict} in bytes, excluding the weights, the arguments and
   * the result.
   *
   * @param n batch size, at least 1
   * @return empty if unknown
   */
  default OptionalLong predictionBytes(int n) {
    return OptionalLong.empty();
  }

  /**
   * The prediction for noisy samples.
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}; left unchanged
   * @param t timestep of each sample, FLOAT {@code [n]}, in [0, T-1]
   * @param condition what the samples should show; the caller closes it
   * @return a new array of the shape and type of {@code xt}, with twice the channels if {@link
   *     #learnsVariance()}; owned by the caller
   * @throws IllegalArgumentException if a shape, a type or the condition is not accepted
   */
  INDArray predict(INDArray xt, INDArray t, Condition condition);
}
