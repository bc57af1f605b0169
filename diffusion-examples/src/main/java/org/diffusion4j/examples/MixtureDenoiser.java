package org.diffusion4j.examples;

import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The exact denoiser of equally likely Gaussians: it predicts E[x_0 | x_t] by Bayes' rule.
 *
 * @param means of the Gaussians
 * @param deviation standard deviation of each
 */
record MixtureDenoiser(NoiseSchedule schedule, double deviation, List<Double> means)
    implements Denoiser {

  @Override
  public long[] sampleShape() {
    return new long[] {1};
  }

  @Override
  public Prediction prediction() {
    return Prediction.SAMPLE;
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    float[] x0 = new float[(int) xt.length()];
    for (int i = 0; i < x0.length; i++) {
      x0[i] = (float) expected(xt.getDouble(i), schedule.alphaBar((int) t.getDouble(i)));
    }
    return Nd4j.createFromArray(x0).reshape(xt.shape());
  }

  private double expected(double x, double alphaBar) {
    double root = Math.sqrt(alphaBar);
    double variance = alphaBar * deviation * deviation + 1 - alphaBar;
    double sum = 0;
    double weights = 0;
    for (double mean : means) {
      double distance = x - root * mean;
      double weight = Math.exp(-distance * distance / (2 * variance));
      weights += weight;
      sum += weight * (mean + root * deviation * deviation / variance * distance);
    }
    return sum / weights;
  }
}
