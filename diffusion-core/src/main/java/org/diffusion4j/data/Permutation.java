package org.diffusion4j.data;

/**
 * Permutations and coin tosses that depend only on their arguments, on every platform and version.
 */
final class Permutation {

  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private Permutation() {}

  /** A permutation of 0 to {@code size - 1}. */
  static int[] of(int size, long seed, long epoch) {
    long state = mix(mix(seed) + epoch);
    int[] order = identity(size);
    for (int i = size - 1; i > 0; i--) {
      state += GOLDEN;
      int j = (int) (((mix(state) >>> 32) * (i + 1)) >>> 32);
      int swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }

  static int[] identity(int size) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      order[i] = i;
    }
    return order;
  }

  /** A fair coin. */
  static boolean toss(long seed, long epoch, int index) {
    return mix(mix(mix(~seed) + epoch) + index) < 0;
  }

  /** The output function of SplitMix64. */
  private static long mix(long value) {
    long z = value + GOLDEN;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
