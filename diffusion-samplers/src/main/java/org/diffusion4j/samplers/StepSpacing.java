package org.diffusion4j.samplers;

import java.util.stream.IntStream;

/** The spacing of timesteps; documented in {@link Timesteps.Spacing}. */
enum StepSpacing {
  LEADING {
    @Override
    int[] descending(int total, int n) {
      int stride = total / n;
      return IntStream.range(0, n).map(i -> (n - 1 - i) * stride).toArray();
    }
  },

  LINSPACE {
    @Override
    int[] descending(int total, int n) {
      double stride = n == 1 ? 0 : (total - 1.0) / (n - 1);
      return IntStream.range(0, n)
          .map(i -> (int) Math.rint(n == 1 ? 0 : (n - 1 - i) * stride))
          .toArray();
    }

    @Override
    double[] nodes(int total, int n) {
      double stride = n == 1 ? 0 : (total - 1.0) / (n - 1);
      return IntStream.range(0, n)
          .mapToDouble(i -> n == 1 ? total - 1 : (n - 1 - i) * stride)
          .toArray();
    }
  },

  TRAILING {
    @Override
    int[] descending(int total, int n) {
      double stride = (double) total / n;
      return IntStream.range(0, n).map(i -> (int) Math.rint(total - i * stride) - 1).toArray();
    }

    @Override
    double[] intervals(int last, int total, int n) {
      double stride = (double) total / n;
      int count = (int) Math.ceil(last / stride);
      return IntStream.range(0, Math.min(count, n))
          .mapToDouble(i -> Math.rint(last - i * stride) - 1)
          .filter(t -> t >= 0)
          .toArray();
    }
  },

  QUADRATIC {
    @Override
    int[] descending(int total, int n) {
      double top = n == 1 ? 0 : Math.sqrt(total * 0.8);
      return IntStream.range(0, n)
          .mapToDouble(i -> i == 0 ? top : (n - 1 - i) * (top / (n - 1)))
          .mapToInt(root -> (int) (root * root))
          .toArray();
    }

    @Override
    double[] nodes(int total, int n) {
      throw new IllegalArgumentException(
          "spacing of a method that works with noise levels must not be QUADRATIC");
    }
  };

  abstract int[] descending(int total, int n);

  /** Evenly spaced times including both ends; they may be fractional. */
  double[] nodes(int total, int n) {
    return IntStream.of(descending(total, n)).asDoubleStream().toArray();
  }

  /**
   * The upper ends of at most {@code n} parts of the interval from {@code last - 1} to 0.
   *
   * @param last number of timesteps that are used, at most {@code total}
   */
  double[] intervals(int last, int total, int n) {
    if (n >= last) {
      return IntStream.range(0, last).mapToDouble(i -> last - 1.0 - i).toArray();
    }
    double[] ends = nodes(last, n + 1);
    return IntStream.range(0, n).mapToDouble(i -> Math.rint(ends[i])).toArray();
  }
}
