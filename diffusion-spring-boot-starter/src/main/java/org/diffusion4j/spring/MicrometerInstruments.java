package org.diffusion4j.spring;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.observation.ObservationRegistry;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntSupplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.micrometer.ObservedSampler;
import org.diffusion4j.micrometer.SamplingMeters;
import org.diffusion4j.spring.SamplingRefusedException.Reason;
import org.diffusion4j.unet.SameDiffDenoiser;

/**
 * The meters and spans of {@link SamplingMeters} and {@link ObservedSampler}, and {@code
 * diffusion.service.waiting} and {@code diffusion.service.refused}.
 */
final class MicrometerInstruments implements Instruments {

  private final MeterRegistry registry;
  private final ObservationRegistry observations;
  private final String model;
  private final SamplingMeters meters;
  private final List<Meter> own = new ArrayList<>();
  private final Map<Reason, Counter> refused = new EnumMap<>(Reason.class);

  MicrometerInstruments(
      MeterRegistry registry, ObservationRegistry observations, String model, IntSupplier waiting) {
    this.registry = registry;
    this.observations = observations;
    this.model = model;
    meters = SamplingMeters.of(registry, model);
    Tags tags = Tags.of("model", model);
    own.add(
        Gauge.builder("diffusion.service.waiting", waiting, IntSupplier::getAsInt)
            .tags(tags)
            .strongReference(true)
            .register(registry));
    for (Reason reason : Reason.values()) {
      Counter counter =
          Counter.builder("diffusion.service.refused")
              .tags(tags.and("reason", reason.name().toLowerCase(Locale.ROOT)))
              .register(registry);
      refused.put(reason, counter);
      own.add(counter);
    }
  }

  @Override
  public Denoiser denoiser(SameDiffDenoiser denoiser) {
    meters.memory(denoiser::weightBytes, denoiser::planBytes);
    return meters.denoiser(denoiser);
  }

  @Override
  public Sampler sampler(String name, Sampler sampler) {
    return ObservedSampler.of(meters.sampler(name, sampler), observations, name, model);
  }

  @Override
  public void refused(Reason reason) {
    Objects.requireNonNull(refused.get(reason)).increment();
  }

  @Override
  public void close() {
    meters.close();
    own.forEach(registry::remove);
  }
}
