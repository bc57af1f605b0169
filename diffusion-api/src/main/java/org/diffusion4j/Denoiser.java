package org.diffusion4j;

import java.util.OptionalLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A function that finds the noise in a noisy sample: a trained network, or anything else.
 *
 * <p>It is tied to a schedule, for without one a timestep means nothing. Implementations say
 * whether they may be shared between threads; those of this library may.
 */
public interface Denoiser {

  /** The schedule that the timesteps of {@link #predict} refer to. */
  NoiseSchedule schedule();

  /**
   * The shape of one sample, without the batch: {@code {channels, height, width}} of an image,
   * {@code {features}} of a vector.
   */
  long[] sampleShape();

  /** What the output of {@link #predict} stands for. */
  default Prediction prediction() {
    return Prediction.EPSILON;
  }

  /**
   * Whether the output of {@link #predict} has twice as many channels (or features) as the samples:
   * the prediction, and behind it a value v in [-1, 1] for each of its values that says where the
   * logarithm of the reverse step's variance lies between those of the posterior variance (-1) and
   * of beta (1): Nichol and Dhariwal 2021, equation 15.
   */
  default boolean learnsVariance() {
    return false;
  }

  /**
   * Which conditions {@link #predict} takes. Samplers, guidance and training check theirs against
   * it before they ask. By default anything: the model checks what it is given.
   */
  default Condition.Takes takes() {
    return Condition.Takes.anything();
  }

  /**
   * The native memory that {@link #predict} takes at its peak, in bytes, beyond the weights and the
   * arrays that it is given and returns.
   *
   * @param n samples at once, at least 1
   * @return empty if that is not known
   */
  default OptionalLong predictionBytes(int n) {
    return OptionalLong.empty();
  }

  /**
   * The prediction for noisy samples.
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}; left unchanged
   * @param t timestep of each sample, FLOAT {@code [n]}, in [0, T-1]
   * @param condition what the samples are to be of; the caller closes it
   * @return a new array of the shape and type of {@code xt}, with twice the channels if {@link
   *     #learnsVariance()}, which the caller may close
   * @throws IllegalArgumentException if a shape, a type or the condition does not fit
   */
  INDArray predict(INDArray xt, INDArray t, Condition condition);
}
