package org.diffusion4j;

import java.util.Arrays;
import java.util.function.IntToLongFunction;
import org.diffusion4j.internal.common.L64X128MixRandom;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Noise with one random stream per sample. */
final class PerSampleNoise implements NoiseSource.Batch {

  /** Heap memory per stream, with a margin. */
  private static final long STREAM_BYTES = 128;

  private final GaussianStream[] streams;

  private PerSampleNoise(int n, IntToLongFunction stream) {
    long most = Runtime.getRuntime().maxMemory() / STREAM_BYTES;
    if (n > most) {
      throw new IllegalStateException(
          "samples of one batch must be at most "
              + most
              + " for the Java heap to hold a stream of noise for each, but were "
              + n);
    }
    streams = new GaussianStream[n];
    for (int i = 0; i < n; i++) {
      streams[i] = new GaussianStream(new L64X128MixRandom(stream.applyAsLong(i)));
    }
  }

  /** Samples {@code first} to {@code first + n - 1} of one seed. */
  static PerSampleNoise of(long seed, int first, int n) {
    requireSamples(first, n);
    return new PerSampleNoise(n, i -> stream(seed, first + i));
  }

  /** The same with one seed per sample. */
  static PerSampleNoise of(long[] seeds, int first, int n) {
    requireSamples(first, n);
    if (n > seeds.length - first) {
      throw new IllegalArgumentException(
          "there must be one seed per sample but there are "
              + seeds.length
              + " for samples up to "
              + ((long) first + n));
    }
    return new PerSampleNoise(n, i -> stream(seeds[first + i], 0));
  }

  private static void requireSamples(int first, int n) {
    if (first < 0) {
      throw new IllegalArgumentException("first sample must be at least 0 but was " + first);
    }
    if (n < 1) {
      throw new IllegalArgumentException("number of samples must be at least 1 but was " + n);
    }
  }

  private static long stream(long seed, int sample) {
    return mix(mix(seed) + sample);
  }

  /**
   * A bijection based on SplitMix64, so that seeds that differ in one bit give unrelated streams.
   */
  private static long mix(long z) {
    z = (z + 0x9E3779B97F4A7C15L) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  @Override
  public INDArray next(long... shape) {
    int n = streams.length;
    if (shape.length < 1 || shape[0] != n) {
      throw new IllegalArgumentException(
          "shape must start with the batch's size, " + n + ", but was " + Arrays.toString(shape));
    }
    long size = n;
    for (int d = 1; d < shape.length; d++) {
      if (shape[d] < 1 || shape[d] > Integer.MAX_VALUE / size) {
        throw new IllegalArgumentException(
            "shape must be of positive lengths with a product of at most "
                + Integer.MAX_VALUE
                + " but was "
                + Arrays.toString(shape));
      }
      size *= shape[d];
    }
    return Pieces.create(shape, 1, new InOrder(size / n));
  }

  /** The numbers of the samples, one sample after another. */
  private final class InOrder implements Pieces.Draw {

    private final long length;
    private int sample;
    private long drawn;

    InOrder(long length) {
      this.length = length;
    }

    @Override
    public void fill(float[] piece) {
      int k = 0;
      while (k < piece.length) {
        int end = (int) Math.min(piece.length, k + length - drawn);
        GaussianStream stream = streams[sample];
        drawn += end - k;
        while (k < end) {
          piece[k++] = (float) stream.next();
        }
        if (drawn == length) {
          sample++;
          drawn = 0;
        }
      }
    }
  }
}
