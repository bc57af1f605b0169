package org.diffusion4j;

import java.util.random.RandomGenerator;

/**
 * Standard normal numbers by Marsaglia's polar method (1964).
 *
 * <p>The JDK's {@code nextGaussian} gives different numbers in different releases. This class uses
 * only {@link StrictMath} and the generator's bits, so a seed gives the same numbers everywhere.
 */
final class GaussianStream {

  private final RandomGenerator bits;
  private double spare = Double.NaN;

  GaussianStream(RandomGenerator bits) {
    this.bits = bits;
  }

  double next() {
    if (!Double.isNaN(spare)) {
      double value = spare;
      spare = Double.NaN;
      return value;
    }
    while (true) {
      double u = uniform();
      double v = uniform();
      double square = u * u + v * v;
      if (square < 1 && square > 0) {
        double factor = Math.sqrt(-2 * StrictMath.log(square) / square);
        spare = v * factor;
        return u * factor;
      }
    }
  }

  /** Uniform in [-1, 1). */
  private double uniform() {
    return (bits.nextLong() >> 10) * 0x1p-53;
  }
}
