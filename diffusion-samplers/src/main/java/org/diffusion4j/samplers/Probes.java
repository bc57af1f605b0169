package org.diffusion4j.samplers;

import java.util.SplittableRandom;

/**
 * The vectors v of products {@code v J v} that give the trace of a Jacobian J: each unit vector, or
 * vectors of random signs whose mean product is the trace (Hutchinson 1990; Grathwohl et al. 2019,
 * equation 7).
 */
sealed interface Probes {

  /** The number of denoiser calls for a divergence. */
  int calls();

  /** The number of separate estimates. */
  int columns();

  /** The estimate that a call belongs to. */
  int column(int call);

  /** Whether a call is the first of its estimate. */
  boolean isFirst(int call);

  /** A value of the vector of a sample. */
  double value(int sample, int call, int k);

  /** The part of the trace of the unit matrix that falls to a call. */
  double share(int size);

  /** The product of the vector of a sample with a gradient. */
  default double product(int sample, int call, float[] gradient, int from, int size) {
    double sum = 0;
    for (int k = 0; k < size; k++) {
      sum += value(sample, call, k) * gradient[from + k];
    }
    return sum;
  }

  /** No divergence. */
  record None() implements Probes {

    @Override
    public int calls() {
      return 0;
    }

    @Override
    public int columns() {
      return 0;
    }

    @Override
    public int column(int call) {
      return 0;
    }

    @Override
    public boolean isFirst(int call) {
      return false;
    }

    @Override
    public double value(int sample, int call, int k) {
      return 0;
    }

    @Override
    public double share(int size) {
      return 0;
    }
  }

  /** Every unit vector: the exact trace. */
  record Units(int calls) implements Probes {

    @Override
    public int columns() {
      return 1;
    }

    @Override
    public int column(int call) {
      return 0;
    }

    @Override
    public boolean isFirst(int call) {
      return call == 0;
    }

    @Override
    public double value(int sample, int call, int k) {
      return k == call ? 1 : 0;
    }

    @Override
    public double product(int sample, int call, float[] gradient, int from, int size) {
      return gradient[from + call];
    }

    @Override
    public double share(int size) {
      return 1;
    }
  }

  /**
   * Random signs, the same along the whole flow.
   *
   * @param signs of each sample and call
   * @param first number of the first sample
   */
  record Signs(byte[][][] signs, int first) implements Probes {

    /** The signs of samples, which depend on the seed and the sample's number. */
    static Signs of(long seed, int first, int n, int count, int size) {
      byte[][][] signs = new byte[n][count][size];
      for (int i = 0; i < n; i++) {
        SplittableRandom draws = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + first + i);
        for (byte[] of : signs[i]) {
          for (int k = 0; k < size; k++) {
            of[k] = (byte) (draws.nextBoolean() ? 1 : -1);
          }
        }
      }
      return new Signs(signs, first);
    }

    @Override
    public int calls() {
      return signs[0].length;
    }

    @Override
    public int columns() {
      return calls();
    }

    @Override
    public int column(int call) {
      return call;
    }

    @Override
    public boolean isFirst(int call) {
      return true;
    }

    @Override
    public double value(int sample, int call, int k) {
      return signs[sample - first][call][k];
    }

    @Override
    public double share(int size) {
      return size;
    }
  }
}
