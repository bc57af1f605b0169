package org.diffusion4j.spring;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * The properties that begin with {@code diffusion}. Unknown ones are refused.
 *
 * @param models the models by name
 * @param failFast whether the application fails to start if a model cannot be loaded; otherwise it
 *     starts, the model's health is down and its runs are refused
 * @param shutdownTimeout how long a shutdown waits for running sampling runs before it cancels them
 */
@ConfigurationProperties(prefix = DiffusionProperties.PREFIX, ignoreUnknownFields = false)
public record DiffusionProperties(
    @DefaultValue Map<String, Model> models,
    @DefaultValue("true") boolean failFast,
    @DefaultValue("20s") Duration shutdownTimeout) {

  static final String PREFIX = "diffusion";

  public DiffusionProperties {
    models = Collections.unmodifiableMap(new LinkedHashMap<>(models));
  }

  /**
   * A model and how it is sampled from.
   *
   * @param path the model directory, relative to the working directory or absolute
   * @param sampler a name of {@code Samplers.names()}, or {@code scheduler} for the sampler that
   *     the model directory describes
   * @param steps number of sampling steps, in [1, T]
   * @param guidance scale of classifier-free guidance, at least 0; none by default
   * @param seed seed of requests that do not set one; by default each draws its own
   * @param maxSamples maximum number of samples of a request, at least 1
   * @param memoryLimit limit of the native memory of a run; none by default
   * @param concurrency maximum number of runs at the same time, at least 1
   * @param queueLimit maximum number of callers that wait for a run to end, at least 0
   * @param queueTimeout how long a caller waits at most
   */
  public record Model(
      @DefaultValue("") String path,
      @DefaultValue("ddim") String sampler,
      @DefaultValue("50") int steps,
      @Nullable Double guidance,
      @Nullable Long seed,
      @DefaultValue("64") int maxSamples,
      @Nullable DataSize memoryLimit,
      @DefaultValue("2") int concurrency,
      @DefaultValue("16") int queueLimit,
      @DefaultValue("30s") Duration queueTimeout) {}
}
