package org.diffusion4j.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;

/**
 * The meters of a model that is sampled from: of its sampling runs, of its denoiser calls and of
 * its memory. Thread-safe.
 *
 * <p>The table lists all of them. Each has the tag {@code model}, those of runs also {@code
 * sampler}.
 *
 * <table>
 *   <caption>Meters</caption>
 *   <tr><th>name</th><th>kind</th><th>meaning</th></tr>
 *   <tr><td>{@code diffusion.sampling.runs}</td><td>timer</td><td>completed runs</td></tr>
 *   <tr><td>{@code diffusion.sampling.running}</td><td>gauge</td><td>runs in progress</td></tr>
 *   <tr><td>{@code diffusion.sampling.samples}</td><td>counter</td><td>samples of completed runs;
 *   its rate is the samples per second</td></tr>
 *   <tr><td>{@code diffusion.sampling.cancelled}</td><td>counter</td><td>cancelled and interrupted
 *   runs</td></tr>
 *   <tr><td>{@code diffusion.sampling.failures}</td><td>counter</td><td>runs that ended with
 *   another exception; the tag {@code exception} is the simple name of its class</td></tr>
 *   <tr><td>{@code diffusion.denoiser.calls}</td><td>timer</td><td>completed calls</td></tr>
 *   <tr><td>{@code diffusion.denoiser.running}</td><td>gauge</td><td>calls in progress</td></tr>
 *   <tr><td>{@code diffusion.denoiser.failures}</td><td>counter</td><td>calls that ended with an
 *   exception, which the tag {@code exception} names</td></tr>
 *   <tr><td>{@code diffusion.memory.weights}</td><td>gauge, bytes</td><td>native memory of the
 *   weights</td></tr>
 *   <tr><td>{@code diffusion.memory.plans}</td><td>gauge, bytes</td><td>native memory of the plans:
 *   workspaces and packed weights</td></tr>
 * </table>
 *
 * <pre>{@code
 * var meters = SamplingMeters.of(registry, "digits");
 * var sampler = meters.sampler("ddim", Samplers.named("ddim", 50));
 * var model = meters.denoiser(loaded.model());
 * meters.memory(loaded.model()::weightBytes, loaded.model()::planBytes);
 * var samples = sampler.sample(model, 16);
 * }</pre>
 */
public final class SamplingMeters implements AutoCloseable {

  static final String BYTES = "bytes";

  private final MeterRegistry registry;
  private final Tags tags;
  private final List<Meter> meters = new CopyOnWriteArrayList<>();
  private final Map<String, Calls> ofSamplers = new ConcurrentHashMap<>();
  private final Map<String, Counter> samples = new ConcurrentHashMap<>();
  private final Map<String, Counter> cancelled = new ConcurrentHashMap<>();
  private final Calls ofDenoiser;

  private SamplingMeters(MeterRegistry registry, String model) {
    this.registry = Objects.requireNonNull(registry, "registry");
    tags = Tags.of("model", Objects.requireNonNull(model, "model"));
    ofDenoiser = new Calls(this, "diffusion.denoiser", "calls", tags);
  }

  /**
   * The meters of a model. A registry keeps one meter for each name and tags: models that are used
   * at the same time need different names.
   *
   * @param registry where to publish
   * @param model the model's name, the value of the tag {@code model}
   */
  public static SamplingMeters of(MeterRegistry registry, String model) {
    return new SamplingMeters(registry, model);
  }

  /**
   * A sampler whose runs are measured. Its samples are those of the given sampler.
   *
   * @param name the value of the tag {@code sampler}, one of few
   * @param sampler the sampler to measure
   */
  public Sampler sampler(String name, Sampler sampler) {
    Objects.requireNonNull(sampler, "sampler");
    Tags all = tags.and("sampler", name);
    return new MeteredSampler(
        sampler,
        ofSamplers.computeIfAbsent(name, n -> new Calls(this, "diffusion.sampling", "runs", all)),
        samples.computeIfAbsent(name, n -> counter("diffusion.sampling.samples", all)),
        cancelled.computeIfAbsent(name, n -> counter("diffusion.sampling.cancelled", all)));
  }

  /**
   * A denoiser whose calls are measured. Its predictions are those of the given denoiser, which the
   * caller still owns.
   *
   * @param denoiser the denoiser to measure
   */
  public Denoiser denoiser(Denoiser denoiser) {
    return new MeteredDenoiser(Objects.requireNonNull(denoiser, "denoiser"), ofDenoiser);
  }

  /**
   * Publishes the native memory of a model.
   *
   * @param weights gives the bytes of the weights, such as {@code model::weightBytes}
   * @param plans gives the bytes of the plans, such as {@code model::planBytes}
   */
  public void memory(LongSupplier weights, LongSupplier plans) {
    gauge("diffusion.memory.weights", tags, BYTES, weights);
    gauge("diffusion.memory.plans", tags, BYTES, plans);
  }

  MeterRegistry registry() {
    return registry;
  }

  <M extends Meter> M added(M meter) {
    if (!meters.contains(meter)) {
      meters.add(meter);
    }
    return meter;
  }

  Counter counter(String name, Tags all) {
    return added(Counter.builder(name).tags(all).register(registry));
  }

  void gauge(String name, Tags all, String unit, LongSupplier value) {
    meters.add(
        Gauge.builder(name, value, LongSupplier::getAsLong)
            .tags(all)
            .baseUnit(unit)
            .strongReference(true)
            .register(registry));
  }

  /** Removes the meters from the registry. */
  @Override
  public void close() {
    meters.forEach(registry::remove);
  }
}
