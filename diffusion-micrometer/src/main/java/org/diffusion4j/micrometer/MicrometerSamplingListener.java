package org.diffusion4j.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import org.diffusion4j.SamplingListener;

/**
 * Counts the work of samplers: {@code diffusion.sampling.steps} counts one per sample and step,
 * {@code diffusion.sampling.samples} finished samples. Can be used for any number of simultaneous
 * runs.
 */
public final class MicrometerSamplingListener implements SamplingListener {

  private final Counter steps;
  private final Counter samples;

  private MicrometerSamplingListener(MeterRegistry registry, Iterable<Tag> tags) {
    steps = Counter.builder("diffusion.sampling.steps").tags(tags).register(registry);
    samples = Counter.builder("diffusion.sampling.samples").tags(tags).register(registry);
  }

  /**
   * A listener that publishes to a registry.
   *
   * @param registry the registry
   * @param tags tags of both metrics, for example the model's name
   */
  public static MicrometerSamplingListener of(MeterRegistry registry, Iterable<Tag> tags) {
    return new MicrometerSamplingListener(registry, tags);
  }

  @Override
  public void onStep(SamplingListener.Step step) {
    double batch = (double) step.x().size(0);
    steps.increment(batch);
    if (step.index() == step.steps() - 1) {
      samples.increment(batch);
    }
  }
}
