package org.diffusion4j;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A run of a sampler was ended by its {@link CancelToken} or by {@link Thread#interrupt()}.
 *
 * <p>It holds what was made until then if the request asked for that by {@link
 * SamplingRequest.Builder#keepPartial}: whoever catches it owns the arrays, and {@link #close}
 * frees them. Otherwise it holds no arrays.
 */
public final class SamplingCancelledException extends RuntimeException implements AutoCloseable {

  private final int finished;
  private final transient @Nullable INDArray samples;
  private final transient SamplingResult.@Nullable Snapshot current;

  /**
   * @param message who ended what
   * @param finished number of samples that were finished, at least 0
   * @param samples those, {@code [finished, sampleShape...]}, or null
   * @param current the batch at work after its newest step, or null
   */
  public SamplingCancelledException(
      String message,
      int finished,
      @Nullable INDArray samples,
      SamplingResult.@Nullable Snapshot current) {
    super(message);
    this.finished = finished;
    this.samples = samples;
    this.current = current;
  }

  /** How many of the request's samples were finished: the first ones. */
  public int finished() {
    return finished;
  }

  /** The finished samples, FLOAT {@code [finished, sampleShape...]}; empty if there are none. */
  public Optional<INDArray> samples() {
    return Optional.ofNullable(samples);
  }

  /**
   * The batch at work, whose first sample is number {@link #finished}, after the newest step of it;
   * empty if there was none.
   */
  public Optional<SamplingResult.Snapshot> current() {
    return Optional.ofNullable(current);
  }

  /** Frees the memory of the samples and of the batch at work. */
  @Override
  public void close() {
    if (samples != null) {
      samples.close();
    }
    if (current != null) {
      current.close();
    }
  }
}
