package org.diffusion4j.spring;

import java.util.Optional;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.spring.SamplingRefusedException.Reason;
import org.jspecify.annotations.Nullable;

/**
 * A model of {@code diffusion.models} with its sampler: a bean with the model's name. Thread-safe.
 *
 * <p>So many runs are running at a time ({@code concurrency}); further callers wait in the order of
 * their arrival ({@code queue-limit}, {@code queue-timeout}) or are refused. A run computes on the
 * thread of its caller.
 */
public final class DiffusionModel implements AutoCloseable {

  private final String name;
  private final DiffusionProperties.Model settings;
  private final Gate gate;
  private final Instruments instruments;
  private final @Nullable Loaded loaded;
  private final @Nullable String failure;

  /** What a model directory gives. */
  record Loaded(PretrainedModel pretrained, Denoiser denoiser, Sampler sampler) {}

  /**
   * @param loaded the model, or null with the failure of loading it
   */
  DiffusionModel(
      String name,
      DiffusionProperties.Model settings,
      Gate gate,
      Instruments instruments,
      @Nullable Loaded loaded,
      @Nullable String failure) {
    this.name = name;
    this.settings = settings;
    this.gate = gate;
    this.instruments = instruments;
    this.loaded = loaded;
    this.failure = failure;
  }

  /** The name in {@code diffusion.models}. */
  public String name() {
    return name;
  }

  /** The settings of the model. */
  public DiffusionProperties.Model settings() {
    return settings;
  }

  /** The sentence that says why the model could not be loaded; empty if it was. */
  public Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  /**
   * The model, its scheduler and its origin. It is closed with the application.
   *
   * @throws SamplingRefusedException if the model could not be loaded
   */
  public PretrainedModel pretrained() {
    return loaded().pretrained();
  }

  private Loaded loaded() {
    if (loaded == null) {
      throw new SamplingRefusedException(Reason.NOT_LOADED, name + " is not loaded: " + failure);
    }
    return loaded;
  }

  /**
   * A request with the model's settings: its seed and its memory limit.
   *
   * @param count number of samples, in [1, {@code max-samples}]
   */
  public SamplingRequest.Builder request(int count) {
    requireCount(count);
    SamplingRequest.Builder request = SamplingRequest.builder(count);
    if (settings.seed() != null) {
      request.seed(settings.seed());
    }
    if (settings.memoryLimit() != null) {
      request.memoryLimit(settings.memoryLimit().toBytes());
    }
    return request;
  }

  private void requireCount(int count) {
    if (count < 1 || count > settings.maxSamples()) {
      throw new IllegalArgumentException(
          "samples must be in [1, " + settings.maxSamples() + "] but were " + count);
    }
  }

  /**
   * Samples with the model's settings.
   *
   * @param count number of samples, in [1, {@code max-samples}]
   * @return to be closed by the caller
   * @throws SamplingRefusedException if the run must not begin
   */
  public SamplingResult sample(int count) {
    return sample(request(count).build());
  }

  /**
   * Samples.
   *
   * @param request of at most {@code max-samples} samples; its cancel token is cancelled if the
   *     application shuts down and the run does not end in time
   * @return to be closed by the caller
   * @throws SamplingRefusedException if the run must not begin
   * @throws IllegalArgumentException if the request does not fit the model
   * @throws org.diffusion4j.SamplingCancelledException if the run was cancelled, by its token, by
   *     an interrupt or by the shutdown
   */
  public SamplingResult sample(SamplingRequest request) {
    requireCount(request.count());
    Loaded model = loaded();
    try (Gate.Run run = enter(request)) {
      return model.sampler().sample(model.denoiser(), request);
    }
  }

  private Gate.Run enter(SamplingRequest request) {
    try {
      return gate.enter(request.cancelToken());
    } catch (SamplingRefusedException e) {
      instruments.refused(e.reason());
      throw e;
    }
  }

  /** The number of runs in progress. */
  public int running() {
    return gate.running();
  }

  /** The number of callers that wait for a run to end. */
  public int waiting() {
    return gate.waiting();
  }

  Gate gate() {
    return gate;
  }

  /** Refuses new runs, cancels those in progress and frees the model's memory. */
  @Override
  public void close() {
    gate.close();
    gate.cancel();
    instruments.close();
    if (loaded != null) {
      // This waits for a denoiser call in progress; the run then finds its token cancelled.
      loaded.pretrained().close();
    }
  }
}
