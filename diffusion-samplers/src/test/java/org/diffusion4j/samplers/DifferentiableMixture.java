package org.diffusion4j.samplers;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The exact denoiser of a mixture, with gradients: central differences in double precision. */
record DifferentiableMixture(MixtureDenoiser mixture) implements Denoiser {

  private static final double STEP = 1e-5;

  @Override
  public NoiseSchedule schedule() {
    return mixture.schedule();
  }

  @Override
  public long[] sampleShape() {
    return mixture.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return mixture.prediction();
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    return mixture.predict(xt, t, condition);
  }

  @Override
  public boolean isDifferentiable() {
    return true;
  }

  @Override
  public INDArray inputGradient(INDArray xt, INDArray t, Condition condition, SampleLoss loss) {
    float[] x = Values.of(xt);
    float[] times = Values.of(t);
    int size = mixture.dimension();
    float[] gradients = new float[x.length];
    try (INDArray predicted = predict(xt, t, condition)) {
      float[] outputs = Values.of(predicted);
      for (int i = 0; i < times.length; i++) {
        float[] output = new float[size];
        System.arraycopy(outputs, i * size, output, 0, size);
        float[] slope = new float[size];
        loss.of(i, output, slope);
        Level level = mixture.level(times[i]);
        for (int k = 0; k < size; k++) {
          double[] above = output(x, i * size, k, STEP, level);
          double[] below = output(x, i * size, k, -STEP, level);
          double sum = 0;
          for (int j = 0; j < size; j++) {
            sum += slope[j] * (above[j] - below[j]) / (2 * STEP);
          }
          gradients[i * size + k] = (float) sum;
        }
      }
    }
    return Nd4j.create(gradients, xt.shape(), 'c');
  }

  /** The output for a sample of which one value is moved. */
  private double[] output(float[] x, int from, int moved, double by, Level level) {
    double[] point = new double[mixture.dimension()];
    for (int d = 0; d < point.length; d++) {
      point[d] = x[from + d] + (d == moved ? by : 0);
    }
    double[] x0 = mixture.x0(point, level);
    double[] output = new double[point.length];
    for (int d = 0; d < point.length; d++) {
      output[d] = mixture.output(point[d], x0[d], level);
    }
    return output;
  }

  /** The logarithm of the density of clean samples with some noise. */
  double logDensity(double[] x, double sigma) {
    double density = 0;
    for (int k = 0; k < mixture.weights().length; k++) {
      double variance = mixture.deviations()[k] * mixture.deviations()[k] + sigma * sigma;
      double squares = 0;
      for (int d = 0; d < x.length; d++) {
        squares += Math.pow(x[d] - mixture.means()[k][d], 2);
      }
      density +=
          mixture.weights()[k]
              * Math.exp(-0.5 * squares / variance)
              / Math.pow(2 * Math.PI * variance, 0.5 * x.length);
    }
    return Math.log(density);
  }
}
