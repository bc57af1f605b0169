package org.diffusion4j.training;

import java.util.random.RandomGenerator;
import org.diffusion4j.internal.common.L64X128MixRandom;

/**
 * The random numbers of a training step; they depend only on the seed and the number of the step.
 */
final class Draws {

  private Draws() {}

  static RandomGenerator at(long seed, long step) {
    return new L64X128MixRandom(mix(seed, step));
  }

  /** Combines two numbers with the finaliser of SplitMix64. */
  static long mix(long seed, long step) {
    long z = seed + 0x9E3779B97F4A7C15L * (step + 1);
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
