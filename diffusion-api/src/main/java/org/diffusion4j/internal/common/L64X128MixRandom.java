package org.diffusion4j.internal.common;

import java.util.random.RandomGenerator;

/**
 * The generator L64X128Mix of the LXM family: Steele and Vigna 2021, figure 1. A seed gives the
 * same bits as the JDK's generator of this name.
 *
 * <p>The JDK finds its generator through the services of the module {@code jdk.random}, which is
 * missing in small runtime images and with some class loaders.
 */
public final class L64X128MixRandom implements RandomGenerator {

  private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;
  private static final long SILVER_RATIO = 0x6A09E667F3BCC909L;
  private static final long MULTIPLIER = 0xD1342543DE82EF95L;

  private final long addend;
  private long linear = 1;
  private long x0;
  private long x1;

  /**
   * A new stream.
   *
   * @param seed any number
   */
  public L64X128MixRandom(long seed) {
    long mixed = seed ^ SILVER_RATIO;
    addend = murmur(mixed) | 1;
    x0 = stafford(mixed);
    x1 = stafford(mixed + GOLDEN_RATIO);
  }

  @Override
  public long nextLong() {
    long result = lea(linear + x0);
    linear = MULTIPLIER * linear + addend;
    // xoroshiro128, version 1.0.
    long other = x1 ^ x0;
    x0 = Long.rotateLeft(x0, 24) ^ other ^ (other << 16);
    x1 = Long.rotateLeft(other, 37);
    return result;
  }

  private static long lea(long z) {
    z = (z ^ (z >>> 32)) * 0xDABA0B6EB09322E3L;
    z = (z ^ (z >>> 32)) * 0xDABA0B6EB09322E3L;
    return z ^ (z >>> 32);
  }

  /** The finaliser of MurmurHash3. */
  private static long murmur(long z) {
    z = (z ^ (z >>> 33)) * 0xFF51AFD7ED558CCDL;
    z = (z ^ (z >>> 33)) * 0xC4CEB9FE1A85EC53L;
    return z ^ (z >>> 33);
  }

  /** Stafford's variant 13 of MurmurHash3's finaliser. */
  private static long stafford(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
