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
   * @param xt noisy samples in the scale of the {@link #schedule}'s process, FLOAT {@code [n,
   *     sampleShape...]}; left unchanged
   * @param t {@linkplain NoiseSchedule#time time} of each sample, FLOAT {@code [n]}; the timestep,
   *     in [0, T-1], of a schedule in discrete time
   * @param condition what the samples should show; the caller closes it
   * @return a new array of the shape and type of {@code xt}, with twice the channels if {@link
   *     #learnsVariance()}; owned by the caller
   * @throws IllegalArgumentException if a shape, a type or the condition is not accepted
   */
  INDArray predict(INDArray xt, INDArray t, Condition condition);

  /**
   * Whether the same arguments always give the same output; by default they do. A denoiser that
   * draws random numbers has no probability flow: it can neither encode samples nor tell their
   * likelihood, and no steps can be fitted to it.
   */
  default boolean isDeterministic() {
    return true;
  }

  /** Whether {@link #inputGradient} can be called; by default it cannot. */
  default boolean isDifferentiable() {
    return false;
  }

  /**
   * The gradient of a loss of the outputs of {@link #predict} with respect to the noisy samples.
   *
   * @param xt noisy samples in the scale of the {@link #schedule}'s process, FLOAT {@code [n,
   *     sampleShape...]}; left unchanged
   * @param t {@linkplain NoiseSchedule#time time} of each sample, FLOAT {@code [n]}
   * @param condition what the samples should show; the caller closes it
   * @param loss the loss of each sample's output, summed over the batch
   * @return a new array of the shape and type of {@code xt}; owned by the caller
   * @throws IllegalArgumentException if a shape, a type or the condition is not accepted
   * @throws UnsupportedOperationException unless {@link #isDifferentiable()}
   */
  default INDArray inputGradient(INDArray xt, INDArray t, Condition condition, SampleLoss loss) {
    throw new UnsupportedOperationException(
        "gradients must be of a differentiable denoiser but this one only predicts");
  }

  /**
   * The peak native memory of {@link #inputGradient} in bytes, excluding the weights, the arguments
   * and the result.
   *
   * @param n batch size, at least 1
   * @return empty if unknown
   */
  default OptionalLong inputGradientBytes(int n) {
    return OptionalLong.empty();
  }

  /**
   * This denoiser with classifier guidance: its noise becomes {@code epsilon - scale noise
   * gradient}, as in Dhariwal and Nichol 2021, equation 14 and algorithm 2. At scale 1 and with the
   * gradient of {@code log p(y | x_t)} it denoises the distribution of the samples given y.
   *
   * @param gradient of the logarithm of a probability of noisy samples
   * @param scale finite; 0 has no effect
   */
  default Denoiser guidedByClassifier(Gradient gradient, double scale) {
    return new ClassifierGuidance(this, gradient, scale);
  }

  /**
   * This denoiser guided to clean samples of low loss: its noise becomes {@code epsilon + scale
   * noise gradient}, with the gradient of {@code loss(x_0(x_t))} with respect to x_t: diffusion
   * posterior sampling (Chung et al. 2023), universal guidance (Bansal et al. 2023), equation 6. At
   * scale 1 samples have about the density {@code p(x_0) exp(-loss(x_0))}.
   *
   * <p>If this denoiser {@linkplain #isDifferentiable() is differentiable}, the gradient is exact
   * and goes through the network, which costs a backward pass and the memory of training. If not,
   * the derivative of x_0 with respect to x_t is taken as {@code sqrt(alphaBar)}, that of standard
   * normal data: the clean samples move by {@code -scale (1 - alphaBar)} times the gradient at x_0,
   * value by value. For classifier-free guidance as well, put it around this one: {@code
   * ClassifierFreeGuidance.of(model.guidedByLoss(loss, 1), 3)}; batches then hold the samples
   * twice.
   *
   * @param loss of a clean sample; its index is that within the batch; called by several threads
   * @param scale finite; 0 has no effect
   */
  default Denoiser guidedByLoss(SampleLoss loss, double scale) {
    return new LossGuidance(this, loss, scale);
  }

  /** A gradient with respect to noisy samples, such as that of a classifier. */
  @FunctionalInterface
  interface Gradient {

    /**
     * The gradient of {@code log p(y | x_t)} of each sample.
     *
     * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}; must not be changed
     * @param t timestep of each sample, FLOAT {@code [n]}
     * @param condition what the samples should show; the y of a classifier, if it has the model's
     *     classes
     * @return a new array of the shape and type of {@code xt}, which guidance closes
     */
    INDArray of(INDArray xt, INDArray t, Condition condition);
  }
}
