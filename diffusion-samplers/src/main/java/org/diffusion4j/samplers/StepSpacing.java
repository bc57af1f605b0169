package org.diffusion4j.samplers;

import java.util.stream.IntStream;

/**
 * Where the steps of a sampler lie that takes fewer than the schedule has: Lin et al. 2024, table
 * 2.
 */
public enum StepSpacing {
  /**
   * Multiples of {@code T / n}, rounded down, from 0; DDIM's own. The last step, T-1, is left out.
   */
  LEADING {
    @Override
    int[] descending(int total, int n) {
      int stride = total / n;
      return IntStream.range(0, n).map(i -> (n - 1 - i) * stride).toArray();
    }
  },

  /** Evenly from T-1 to 0, both included; a single step is timestep 0, as in NumPy. */
  LINSPACE {
    @Override
    int[] descending(int total, int n) {
      double stride = n == 1 ? 0 : (total - 1.0) / (n - 1);
      return IntStream.range(0, n)
          .map(i -> (int) Math.rint(n == 1 ? 0 : (n - 1 - i) * stride))
          .toArray();
    }
  },

  /** Evenly from T-1 down, 0 left out unless n is T; what zero terminal SNR needs. */
  TRAILING {
    @Override
    int[] descending(int total, int n) {
      double stride = (double) total / n;
      return IntStream.range(0, n).map(i -> (int) Math.rint(total - i * stride) - 1).toArray();
    }
  };

  abstract int[] descending(int total, int n);
}
