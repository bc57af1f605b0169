package org.diffusion4j;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A sampling run was ended by its {@link CancelToken} or by {@link Thread#interrupt()}.
 *
 * <p>With {@link SamplingRequest.Builder#keepPartial} it holds the samples made so far. Whoever
 * catches it owns the arrays; {@link #close} frees them. Otherwise it holds no arrays.
 */
public final class SamplingCancelledException extends RuntimeException implements AutoCloseable {

  private final int finished;
  private final transient @Nullable INDArray samples;
  private final transient SamplingResult.@Nullable Snapshot current;

  /**
   * @param message what ended the run, and when
   * @param finished number of samples that were finished, at least 0
   * @param samples the finished samples, {@code [finished, sampleShape...]}, or null
   * @param current the unfinished batch after its last step, or null
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

  /** How many samples were finished; they are the first ones of the request. */
  public int finished() {
    return finished;
  }

  /** The finished samples, FLOAT {@code [finished, sampleShape...]}; empty if there are none. */
  public Optional<INDArray> samples() {
    return Optional.ofNullable(samples);
  }

  /**
   * The unfinished batch after its last step; its first sample is number {@link #finished}. Empty
   * if there was none.
   */
  public Optional<SamplingResult.Snapshot> current() {
    return Optional.ofNullable(current);
  }

  /** Frees the memory of the samples and of the unfinished batch. */
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
