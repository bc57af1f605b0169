package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A method that turns noise into samples, using a {@link Denoiser}.
 *
 * <p>Samplers are immutable and stateless: one can be shared between threads and used with any
 * model.
 */
public interface Sampler {

  /**
   * Samples from a model with seed 0, so that the same call gives the same samples; a {@link
   * SamplingRequest} without a seed gives others each time.
   *
   * @param model the denoiser
   * @param n number of samples, at least 1
   * @return FLOAT {@code [n, model.sampleShape()...]}, owned by the caller
   */
  default INDArray sample(Denoiser model, int n) {
    return sample(model, SamplingRequest.builder(n).seed(0).build()).samples();
  }

  /**
   * Samples from a model.
   *
   * <p>The run uses the caller's thread. Before each denoiser call it checks the request's {@link
   * CancelToken} and {@link Thread#isInterrupted}, which stays set. If the run ends early for any
   * reason, its arrays are freed.
   *
   * @param model the denoiser
   * @param request what to sample
   * @return the samples, owned by the caller
   * @throws IllegalArgumentException if the request does not fit the model or the method
   * @throws SamplingCancelledException if the request was cancelled or the thread interrupted
   * @throws SamplingException if the denoiser returns an array of another shape, or values that are
   *     not finite
   */
  SamplingResult sample(Denoiser model, SamplingRequest request);
}
