package org.diffusion4j.engine.graph;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Which values each dropout layer drops in a call. It is a function of a seed, the sample, the
 * layer and the position of the value. Masks are not stored but computed again when needed.
 *
 * <p>A value is dropped if a 24-bit hash of these is below the probability. Values that are kept
 * are divided by the probability of keeping (Srivastava et al. 2014, with scaling during training).
 */
public final class DropoutMasks {

  /** Number of values in a tile. */
  public static final int TILE = 1024;

  private static final int BITS = 24;

  /** C2 vectorises loops over the values of an array, but not over an index. */
  private static final int[] PLACES = IntStream.range(0, TILE).toArray();

  private final long seed;
  private final int firstSample;
  private final double probability;

  /**
   * @param seed of the call
   * @param firstSample the number of the batch's first sample
   * @param probability the probability of dropping a value, in [0, 1)
   */
  public DropoutMasks(long seed, int firstSample, double probability) {
    this.seed = seed;
    this.firstSample = firstSample;
    this.probability = probability;
  }

  /** The factor of values that are kept. */
  public float factor() {
    return (float) (1 / (1 - probability));
  }

  /**
   * Sets dropped values to zero.
   *
   * @param bits of the values, as {@link Float#floatToRawIntBits} gives them
   * @param n number of values, at most {@link #TILE}
   * @param layer number of the layer
   * @param sample index within the batch
   * @param tile number of the tile within the sample, counted with channels last
   */
  public void drop(int[] bits, int n, int layer, int sample, int tile) {
    long key = mix(mix(mix(mix(seed) + layer) + firstSample + sample) + tile);
    drop(bits, (int) key, (int) Math.round(probability * (1 << BITS)), n);
  }

  /**
   * Sets values to zero if a 24-bit hash of the key and the position is below a threshold. The hash
   * is MurmurHash3's finaliser. JDK 17's C2 vectorises this loop.
   *
   * @param bits of floats, at most {@link #TILE}
   */
  private static void drop(int[] bits, int key, int threshold, int n) {
    for (int i = 0; i < n; i++) {
      int h = PLACES[i] ^ key;
      h = (h ^ (h >>> 16)) * 0x85EBCA6B;
      h = (h ^ (h >>> 13)) * 0xC2B2AE35;
      h = (h ^ (h >>> 16)) >>> 8;
      bits[i] &= ~((h - threshold) >> 31);
    }
  }

  /**
   * The factors of a batch of images: zeros and {@code 1 / (1 - probability)}.
   *
   * @param layer number of the layer
   * @param shape {@code [batch, channels, height, width]}
   * @return in C order
   */
  public float[] factors(int layer, long... shape) {
    int channels = Math.toIntExact(shape[1]);
    int pixels = Math.toIntExact(shape[2] * shape[3]);
    int size = channels * pixels;
    float[] factors = new float[Math.toIntExact(shape[0] * size)];
    int kept = Float.floatToRawIntBits(factor());
    int[] bits = new int[TILE];
    for (int sample = 0; sample < shape[0]; sample++) {
      for (int start = 0; start < size; start += TILE) {
        int n = Math.min(TILE, size - start);
        Arrays.fill(bits, kept);
        drop(bits, n, layer, sample, start / TILE);
        for (int i = 0; i < n; i++) {
          int pixel = (start + i) / channels;
          int channel = (start + i) % channels;
          factors[sample * size + channel * pixels + pixel] = Float.intBitsToFloat(bits[i]);
        }
      }
    }
    return factors;
  }

  /** The finaliser of SplitMix64 (Steele et al. 2014). */
  private static long mix(long x) {
    long z = x + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
