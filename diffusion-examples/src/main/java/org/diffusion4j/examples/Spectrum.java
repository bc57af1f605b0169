package org.diffusion4j.examples;

import java.util.Arrays;
import java.util.Locale;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What frequencies series are made of.
 *
 * @param share of the strongest frequency in the power of all but frequency 0: mean over the series
 * @param strongest how often each frequency, counted in periods of the whole length, is the
 *     strongest: the shares of all series
 * @param deviation standard deviation of all values
 */
record Spectrum(double share, double[] strongest, double deviation) {

  /**
   * The mean over all series and channels.
   *
   * @param series {@code [n, channels, length]}
   */
  static Spectrum of(INDArray series) {
    int length = (int) series.size(2);
    double[] values = series.ravel().toDoubleVector();
    int n = values.length / length;
    double share = 0;
    double[] strongest = new double[length / 2 + 1];
    for (int i = 0; i < n; i++) {
      double[] power = power(Arrays.copyOfRange(values, i * length, (i + 1) * length));
      int best = 1;
      for (int k = 2; k < power.length; k++) {
        best = power[k] > power[best] ? k : best;
      }
      share += power[best] / Arrays.stream(power).sum() / n;
      strongest[best] += 1.0 / n;
    }
    double mean = Arrays.stream(values).average().orElseThrow();
    double variance =
        Arrays.stream(values).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
    return new Spectrum(share, strongest, Math.sqrt(variance));
  }

  /** The squared absolute values of the discrete Fourier transform, 0 for frequency 0. */
  private static double[] power(double[] series) {
    double[] power = new double[series.length / 2 + 1];
    for (int k = 1; k < power.length; k++) {
      double re = 0;
      double im = 0;
      for (int t = 0; t < series.length; t++) {
        double angle = 2 * Math.PI * k * t / series.length;
        re += series[t] * Math.cos(angle);
        im += series[t] * Math.sin(angle);
      }
      power[k] = re * re + im * im;
    }
    return power;
  }

  /** Half of the sum of the differences between two distributions of the strongest frequency. */
  double distance(Spectrum other) {
    double sum = 0;
    for (int k = 0; k < strongest.length; k++) {
      sum += Math.abs(strongest[k] - other.strongest[k]) / 2;
    }
    return sum;
  }

  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "share %.3f  deviation %.3f  strongest frequencies",
                share,
                deviation));
    for (int k = 0; k < strongest.length; k++) {
      if (strongest[k] >= 0.05) {
        text.append(String.format(Locale.ROOT, "  %d: %.2f", k, strongest[k]));
      }
    }
    return text.toString();
  }
}
