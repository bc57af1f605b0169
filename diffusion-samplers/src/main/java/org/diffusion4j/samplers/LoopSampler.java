package org.diffusion4j.samplers;

import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;

/** A sampler that is a method on the shared loop. */
abstract class LoopSampler implements Sampler {

  abstract Method method();

  @Override
  public final SamplingResult sample(Denoiser model, SamplingRequest request) {
    return SamplingLoop.run(method(), model, request);
  }
}
