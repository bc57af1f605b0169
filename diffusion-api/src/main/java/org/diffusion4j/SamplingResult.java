package org.diffusion4j;

import java.time.Duration;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a sampler made.
 *
 * @param samples FLOAT {@code [n, sampleShape...]}, owned by the caller
 * @param denoiserCalls how often the denoiser was asked, over all batches
 * @param duration how long it took
 */
public record SamplingResult(INDArray samples, int denoiserCalls, Duration duration)
    implements AutoCloseable {

  /** Frees the memory of the samples. */
  @Override
  public void close() {
    samples.close();
  }
}
