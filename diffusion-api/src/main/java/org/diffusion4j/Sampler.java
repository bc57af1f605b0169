package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A method that turns noise into samples with a {@link Denoiser}.
 *
 * <p>A sampler describes the method and holds no state of a run: it is immutable and may be shared
 * between threads and used with any model.
 */
public interface Sampler {

  /**
   * Samples from a model with seed 0 and the request's other defaults.
   *
   * @param model the denoiser
   * @param n number of samples, at least 1
   * @return FLOAT {@code [n, model.sampleShape()...]}, owned by the caller
   */
  default INDArray sample(Denoiser model, int n) {
    return sample(model, SamplingRequest.of(n)).samples();
  }

  /**
   * Samples from a model.
   *
   * <p>A run is on the caller's thread. Before each call of the denoiser it looks at the request's
   * {@link CancelToken} and at {@link Thread#isInterrupted}, which stays set. Whatever ends it
   * early, its arrays are freed.
   *
   * @param model the denoiser
   * @param request how many samples, of what, from which noise
   * @return the samples, owned by the caller
   * @throws IllegalArgumentException if the request does not fit the model or the method
   * @throws SamplingCancelledException if somebody cancelled the request or interrupted the thread
   * @throws SamplingException if the denoiser returns another shape than it was given, or values
   *     that are not finite
   */
  SamplingResult sample(Denoiser model, SamplingRequest request);
}
