package org.diffusion4j.examples;

import java.util.Arrays;
import java.util.Locale;

/** The numbers below and above zero: their proportions, means and standard deviations. */
record Modes(Mode below, Mode above) {

  /** One of the two modes. */
  record Mode(double share, double mean, double deviation) {

    static Mode of(double[] values, int total) {
      double mean = Arrays.stream(values).average().orElse(Double.NaN);
      double variance =
          Arrays.stream(values).map(v -> (v - mean) * (v - mean)).average().orElse(Double.NaN);
      return new Mode((double) values.length / total, mean, Math.sqrt(variance));
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "share %.3f  mean %+.3f  deviation %.3f", share, mean, deviation);
    }
  }

  static Modes of(double[] values) {
    return new Modes(
        Mode.of(Arrays.stream(values).filter(v -> v < 0).toArray(), values.length),
        Mode.of(Arrays.stream(values).filter(v -> v >= 0).toArray(), values.length));
  }

  @Override
  public String toString() {
    return below + "  |  " + above;
  }
}
