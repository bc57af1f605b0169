package org.diffusion4j.micrometer;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.ObservationRegistry;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalInt;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;

/**
 * A sampler whose runs are observations: spans where the registry has a handler for tracing. Its
 * samples are those of the sampler that it wraps.
 *
 * <p>The observation is {@code diffusion.sampling}. Its keys:
 *
 * <table>
 *   <caption>Keys</caption>
 *   <tr><th>name</th><th>cardinality</th><th>value</th></tr>
 *   <tr><td>{@code diffusion.model}</td><td>low</td><td>the model's name</td></tr>
 *   <tr><td>{@code diffusion.sampler}</td><td>low</td><td>the sampler's name</td></tr>
 *   <tr><td>{@code diffusion.outcome}</td><td>low</td><td>{@code running}, {@code completed},
 *   {@code cancelled} or {@code failed}</td></tr>
 *   <tr><td>{@code diffusion.count}</td><td>high</td><td>number of samples</td></tr>
 *   <tr><td>{@code diffusion.seed}</td><td>high</td><td>the request's seed; {@code none} if the
 *   request has another noise source</td></tr>
 *   <tr><td>{@code diffusion.calls}</td><td>high</td><td>denoiser calls of a completed run</td></tr>
 * </table>
 *
 * <p>A run that fails is an error of its observation; one that was cancelled is none.
 */
public final class ObservedSampler implements Sampler {

  private final Sampler sampler;
  private final ObservationRegistry registry;
  private final String name;
  private final String model;
  private final Convention convention;

  private ObservedSampler(
      Sampler sampler,
      ObservationRegistry registry,
      String name,
      String model,
      Convention convention) {
    this.sampler = Objects.requireNonNull(sampler, "sampler");
    this.registry = Objects.requireNonNull(registry, "registry");
    this.name = Objects.requireNonNull(name, "name");
    this.model = Objects.requireNonNull(model, "model");
    this.convention = Objects.requireNonNull(convention, "convention");
  }

  /**
   * A sampler that is observed.
   *
   * @param sampler the sampler to observe
   * @param registry where to
   * @param name the sampler's name, one of few
   * @param model the model's name, one of few
   */
  public static ObservedSampler of(
      Sampler sampler, ObservationRegistry registry, String name, String model) {
    return new ObservedSampler(sampler, registry, name, model, new Convention() {});
  }

  /** This sampler with other names and keys. */
  public ObservedSampler withConvention(Convention other) {
    return new ObservedSampler(sampler, registry, name, model, other);
  }

  @Override
  public SamplingResult sample(Denoiser denoiser, SamplingRequest request) {
    Context context = new Context(name, model, request);
    Observation observation =
        Observation.createNotStarted(convention, () -> context, registry).start();
    try (Observation.Scope scope = observation.openScope()) {
      SamplingResult result = sampler.sample(denoiser, request);
      context.calls = OptionalInt.of(result.denoiserCalls());
      context.outcome = Outcome.COMPLETED;
      return result;
    } catch (SamplingCancelledException e) {
      context.outcome = Outcome.CANCELLED;
      throw e;
    } catch (RuntimeException | Error e) {
      context.outcome = Outcome.FAILED;
      observation.error(e);
      throw e;
    } finally {
      observation.stop();
    }
  }

  @Override
  public String toString() {
    return sampler.toString();
  }

  /** How far a run is, or how it ended. */
  public enum Outcome {
    RUNNING,
    COMPLETED,
    CANCELLED,
    FAILED
  }

  /** What is known of an observed run. */
  public static final class Context extends Observation.Context {

    private final String sampler;
    private final String model;
    private final SamplingRequest request;
    private volatile Outcome outcome = Outcome.RUNNING;
    private volatile OptionalInt calls = OptionalInt.empty();

    private Context(String sampler, String model, SamplingRequest request) {
      this.sampler = sampler;
      this.model = model;
      this.request = request;
    }

    /** The sampler's name. */
    public String sampler() {
      return sampler;
    }

    /** The model's name. */
    public String model() {
      return model;
    }

    /** What is sampled. */
    public SamplingRequest request() {
      return request;
    }

    /** How far the run is, or how it ended. */
    public Outcome outcome() {
      return outcome;
    }

    /** The number of denoiser calls of a completed run. */
    public OptionalInt calls() {
      return calls;
    }
  }

  /** The name and the keys of an observation; override what should differ. */
  public interface Convention extends ObservationConvention<Context> {

    @Override
    default String getName() {
      return "diffusion.sampling";
    }

    @Override
    default String getContextualName(Context context) {
      return "sample " + context.model();
    }

    @Override
    default KeyValues getLowCardinalityKeyValues(Context context) {
      return KeyValues.of(
          "diffusion.model", context.model(),
          "diffusion.sampler", context.sampler(),
          "diffusion.outcome", context.outcome().name().toLowerCase(Locale.ROOT));
    }

    @Override
    default KeyValues getHighCardinalityKeyValues(Context context) {
      SamplingRequest request = context.request();
      KeyValues keys =
          KeyValues.of(
              "diffusion.count",
              Integer.toString(request.count()),
              "diffusion.seed",
              request.seed().isPresent() ? Long.toString(request.seed().getAsLong()) : "none");
      return context.calls().isPresent()
          ? keys.and("diffusion.calls", Integer.toString(context.calls().getAsInt()))
          : keys;
    }

    @Override
    default boolean supportsContext(Observation.Context context) {
      return context instanceof Context;
    }
  }
}
