package org.diffusion4j.benchmarks;

/** The geometric frequencies of a positional embedding of the time (Vaswani et al. 2017). */
final class Frequencies {

  private static final double LONGEST = 10_000;

  private Frequencies() {}

  /** The frequencies; half as many as the embedding has values. */
  static float[] of(int size) {
    float[] frequencies = new float[size / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = (float) Math.pow(LONGEST, -(double) i / frequencies.length);
    }
    return frequencies;
  }
}
