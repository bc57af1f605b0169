package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The exact denoiser of a Gaussian with any covariance: E[x_0 | x_t] is {@code mean + gain (x_t -
 * sqrt(alphaBar) mean)} with the gain {@code sqrt(alphaBar) C (alphaBar C + (1 - alphaBar) I)^-1}.
 *
 * @param covariance C, symmetric and positive definite
 */
record GaussianDenoiser(NoiseSchedule schedule, double[] mean, double[][] covariance)
    implements Denoiser {

  /** Four values of variance 1; each has the correlation 0.5 with the next. */
  static GaussianDenoiser ofFour(NoiseSchedule schedule) {
    return new GaussianDenoiser(
        schedule,
        new double[] {0.5, -0.3, 0.2, -0.6},
        new double[][] {
          {1, 0.5, 0.25, 0.125},
          {0.5, 1, 0.5, 0.25},
          {0.25, 0.5, 1, 0.5},
          {0.125, 0.25, 0.5, 1}
        });
  }

  @Override
  public long[] sampleShape() {
    return new long[] {mean.length};
  }

  /** The derivative of E[x_0 | x_t] with respect to x_t; symmetric. */
  double[][] gain(double alphaBar) {
    int n = mean.length;
    double[][] gain = new double[n][];
    for (int i = 0; i < n; i++) {
      // The matrices commute, so a row of the gain solves (alphaBar C + (1 - alphaBar) I) g = c.
      double[][] noisy = new double[n][];
      for (int j = 0; j < n; j++) {
        noisy[j] = Arrays.stream(covariance[j]).map(c -> alphaBar * c).toArray();
        noisy[j][j] += 1 - alphaBar;
      }
      double[] row = Arrays.stream(covariance[i]).map(c -> Math.sqrt(alphaBar) * c).toArray();
      gain[i] = Linear.solve(noisy, row);
    }
    return gain;
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    double alphaBar = schedule.alphaBar((int) t.getFloat(0));
    double[][] gain = gain(alphaBar);
    float[] x = Values.of(xt);
    float[] epsilon = new float[x.length];
    int n = mean.length;
    for (int i = 0; i < x.length; i++) {
      double sum = mean[i % n];
      for (int j = 0; j < n; j++) {
        sum += gain[i % n][j] * (x[i - i % n + j] - Math.sqrt(alphaBar) * mean[j]);
      }
      epsilon[i] = (float) ((x[i] - Math.sqrt(alphaBar) * sum) / Math.sqrt(1 - alphaBar));
    }
    return Nd4j.create(epsilon, xt.shape(), 'c');
  }

  /** The means of the columns of samples. */
  static double[] means(float[] samples, int n) {
    double[] means = new double[n];
    for (int i = 0; i < samples.length; i++) {
      means[i % n] += samples[i] / ((double) samples.length / n);
    }
    return means;
  }

  /** The covariance of two columns of samples. */
  static double covariance(float[] samples, int n, int a, int b) {
    double[] means = means(samples, n);
    double sum = 0;
    for (int i = 0; i < samples.length; i += n) {
      sum += (samples[i + a] - means[a]) * (samples[i + b] - means[b]);
    }
    return sum / ((double) samples.length / n);
  }
}
