package org.diffusion4j.micrometer;

import io.micrometer.core.instrument.Counter;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;

/** {@link SamplingMeters#sampler}. */
record MeteredSampler(Sampler sampler, Calls runs, Counter samples, Counter cancelled)
    implements Sampler {

  @Override
  public SamplingResult sample(Denoiser model, SamplingRequest request) {
    try (Calls.Call run = runs.begin()) {
      try {
        SamplingResult result = sampler.sample(model, request);
        run.completed();
        samples.increment(request.count());
        return result;
      } catch (SamplingCancelledException e) {
        cancelled.increment();
        throw e;
      } catch (RuntimeException | Error e) {
        run.failed(e);
        throw e;
      }
    }
  }

  @Override
  public String toString() {
    return sampler.toString();
  }
}
