package org.diffusion4j;

import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.diffusion4j.internal.common.Shown;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The result of a sampling run. The caller owns all arrays.
 *
 * @param samples FLOAT {@code [n, sampleShape...]}
 * @param denoiserCalls number of denoiser calls, over all batches
 * @param duration how long it took
 * @param trajectory the steps that the request asked for, in order, each with all n samples; empty
 *     if it asked for none
 * @param seed of the noise, {@link SamplingRequest#seed}
 */
public record SamplingResult(
    INDArray samples,
    int denoiserCalls,
    Duration duration,
    List<Snapshot> trajectory,
    OptionalLong seed)
    implements AutoCloseable {

  public SamplingResult {
    trajectory = List.copyOf(trajectory);
  }

  /** A result without a trajectory, of noise without a seed. */
  public SamplingResult(INDArray samples, int denoiserCalls, Duration duration) {
    this(samples, denoiserCalls, duration, List.of(), OptionalLong.empty());
  }

  /** Frees the memory of the samples and of the trajectory. */
  @Override
  public void close() {
    samples.close();
    trajectory.forEach(Snapshot::close);
  }

  /** Contains only the shape of an array. */
  @Override
  public String toString() {
    return "SamplingResult[samples="
        + Shown.array(samples)
        + ", denoiserCalls="
        + denoiserCalls
        + ", duration="
        + duration
        + (trajectory.isEmpty() ? "" : ", trajectory of " + trajectory.size() + " steps")
        + (seed.isPresent() ? ", seed=" + seed.getAsLong() : "")
        + "]";
  }

  /**
   * The samples after a step. The caller owns the arrays.
   *
   * @param index number of the step, from 0
   * @param t the timestep that the denoiser got; it may be fractional
   * @param x the samples after the step, FLOAT {@code [n, sampleShape...]}
   * @param x0 the clean samples predicted in the step, of the same shape
   */
  public record Snapshot(int index, double t, INDArray x, INDArray x0) implements AutoCloseable {

    /** Frees the memory of both arrays. */
    @Override
    public void close() {
      x.close();
      x0.close();
    }

    /** Contains only the shape of an array. */
    @Override
    public String toString() {
      return "Snapshot[index="
          + index
          + ", t="
          + t
          + ", x="
          + Shown.array(x)
          + ", x0="
          + Shown.array(x0)
          + "]";
    }
  }
}
