package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Where samplers and trainers take standard normal noise from.
 *
 * <p>A source describes the noise and holds no state: every run starts it anew.
 */
@FunctionalInterface
public interface NoiseSource {

  /** The noise of one run, from its beginning. */
  Run start();

  /** The noise of one run, over all its batches. Not for use by several threads. */
  @FunctionalInterface
  interface Run {

    /**
     * The noise of samples {@code first} to {@code first + n - 1} of a run. Batches are opened in
     * order, each after the one before it is done with. The first of a run that is a part of a
     * larger one begins at {@link SamplingRequest#firstSample}, and not at 0.
     *
     * @param first index of the first sample, at least 0
     * @param n number of samples, at least 1
     */
    Batch batch(int first, int n);
  }

  /** The noise of one batch. Not for use by several threads. */
  @FunctionalInterface
  interface Batch {

    /**
     * The next draw.
     *
     * @param shape {@code {n, sampleShape...}}
     * @return a new FLOAT array of that shape, standard normal
     */
    INDArray next(long... shape);
  }

  /**
   * A stream of its own for each sample, which depends on the seed and on the sample's index alone.
   *
   * @param seed any number
   */
  static NoiseSource perSample(long seed) {
    return () -> (first, n) -> PerSampleNoise.of(seed, first, n);
  }

  /**
   * A stream of its own for each sample, from a seed of its own: sample {@code i} gets the noise of
   * sample 0 of {@link #perSample perSample(seeds[i])}. So it equals the only sample of a request
   * for one with that seed, wherever it stands, and samples with equal seeds are equal.
   *
   * @param seeds any numbers, one for each sample, at least one
   */
  static NoiseSource seeds(long... seeds) {
    if (seeds.length == 0) {
      throw new IllegalArgumentException("seeds must be at least 1 but were 0");
    }
    long[] own = seeds.clone();
    return () -> (first, n) -> PerSampleNoise.of(own, first, n);
  }

  /**
   * The numbers that a Python program draws after {@code torch.manual_seed(seed)} by calls of
   * {@code torch.randn} on the CPU, one call for each draw of a batch.
   *
   * <p>A program that makes its samples in one batch gets the same pictures here. The batches of a
   * run share one generator, as they do there, so that samples depend on the batch size, and a run
   * cannot be divided by {@link SamplingRequest#firstSample}.
   *
   * @param seed its low 32 bits count, as in PyTorch
   */
  static NoiseSource torch(long seed) {
    return () -> new TorchNoise(seed);
  }
}
