package org.diffusion4j;

import java.time.Duration;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a sampler made. All its arrays are owned by the caller.
 *
 * @param samples FLOAT {@code [n, sampleShape...]}
 * @param denoiserCalls how often the denoiser was asked, over all batches
 * @param duration how long it took
 * @param trajectory the steps that the request asked to keep, in order, each of all n samples;
 *     empty if it asked for none
 */
public record SamplingResult(
    INDArray samples, int denoiserCalls, Duration duration, List<TrajectoryStep> trajectory)
    implements AutoCloseable {

  public SamplingResult {
    trajectory = List.copyOf(trajectory);
  }

  /** A result without a trajectory. */
  public SamplingResult(INDArray samples, int denoiserCalls, Duration duration) {
    this(samples, denoiserCalls, duration, List.of());
  }

  /** Frees the memory of the samples and of the trajectory. */
  @Override
  public void close() {
    samples.close();
    trajectory.forEach(TrajectoryStep::close);
  }
}
