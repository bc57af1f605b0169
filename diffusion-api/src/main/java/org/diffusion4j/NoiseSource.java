package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A source of standard normal noise for samplers and trainers.
 *
 * <p>A source is stateless: every run starts its noise from the beginning.
 */
@FunctionalInterface
public interface NoiseSource {

  /** Starts the noise of a run. */
  Run start();

  /** The noise of a run, over all its batches. Not thread-safe. */
  @FunctionalInterface
  interface Run {

    /**
     * The noise of samples {@code first} to {@code first + n - 1} of a run. Batches are requested
     * in order, each after the previous one is no longer used. If the run is a part of a larger
     * one, its first batch starts at {@link SamplingRequest#firstSample} instead of 0.
     *
     * @param first index of the first sample, at least 0
     * @param n number of samples, at least 1
     */
    Batch batch(int first, int n);
  }

  /** The noise of a batch. Not thread-safe. */
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
   * One random stream per sample, which depends only on the seed and the sample's index.
   *
   * @param seed any number
   */
  static NoiseSource perSample(long seed) {
    return () -> (first, n) -> PerSampleNoise.of(seed, first, n);
  }

  /**
   * One random stream per sample, each with its own seed: sample {@code i} gets the noise of sample
   * 0 of {@link #perSample perSample(seeds[i])}. So it equals the sample of a request for one
   * sample with this seed, at every position, and samples with equal seeds are equal.
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
   * Noise on the way between two seeds, for a strip of samples from one to the other. Sample {@code
   * i} gets {@code cos(a) x + sin(a) y} with {@code a = i pi / (2 (count - 1))}, where x and y are
   * all draws of {@link #seeds seeds(from)} and {@code seeds(to)}. It is standard normal, so it
   * suits every sampler, also one that draws noise in its steps. The first sample is exactly that
   * of the seed {@code from}, the last one that of {@code to}.
   *
   * @param from any number
   * @param to any number
   * @param count number of samples of the whole strip, at least 2; a request may ask for fewer
   */
  static NoiseSource between(long from, long to, int count) {
    if (count < 2) {
      throw new IllegalArgumentException("count must be at least 2 but was " + count);
    }
    return () -> (first, n) -> NoiseBetween.batch(from, to, count, first, n);
  }

  /**
   * Interpolates spherically between two given starts, such as the noises of two pictures that an
   * inversion found: DDIM (Song et al. 2021), appendix D.5. Use it as the start of a deterministic
   * sampler. Along the arc the norm changes evenly, as the noise that a model knows requires; on a
   * straight line it would fall.
   *
   * @param from FLOAT {@code [1, sampleShape...]}, finite
   * @param to of the same shape
   * @param count number of samples, at least 2
   * @return a new array FLOAT {@code [count, sampleShape...]}, owned by the caller; its first
   *     sample is {@code from}, its last {@code to}
   * @throws IllegalArgumentException if a shape, a type or a value does not fit
   */
  static INDArray spherical(INDArray from, INDArray to, int count) {
    return NoiseBetween.spherical(from, to, count);
  }

  /**
   * The numbers that Python's {@code torch.randn} draws on the CPU after {@code
   * torch.manual_seed(seed)}, with one call for each draw of a batch.
   *
   * <p>A Python program that draws its samples in one batch gets the same images here. As in
   * PyTorch, the batches of a run share one generator. So samples depend on the batch size, and a
   * run cannot be divided by {@link SamplingRequest#firstSample}.
   *
   * @param seed only the low 32 bits are used, as in PyTorch
   */
  static NoiseSource torch(long seed) {
    return () -> new TorchNoise(seed);
  }
}
