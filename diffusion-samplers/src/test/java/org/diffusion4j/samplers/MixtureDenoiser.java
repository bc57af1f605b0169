package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The exact denoiser of a mixture of isotropic Gaussians: component k of x_t has mean {@code signal
 * m_k} and variance {@code signal^2 s_k^2 + noise^2}.
 *
 * @param schedule of the timesteps
 * @param prediction what to return
 * @param means one point per component
 * @param deviations one per component
 * @param weights one per component, with sum 1
 */
public record MixtureDenoiser(
    NoiseSchedule schedule,
    Prediction prediction,
    double[][] means,
    double[] deviations,
    double[] weights)
    implements Denoiser {

  /** Two equal modes at -2 and 2 with deviation 0.5. */
  public static MixtureDenoiser twoModes(NoiseSchedule schedule, Prediction prediction) {
    return new MixtureDenoiser(
        schedule,
        prediction,
        new double[][] {{-2}, {2}},
        new double[] {0.5, 0.5},
        new double[] {0.5, 0.5});
  }

  /** Three modes on a line with unequal weights and deviations. */
  public static MixtureDenoiser threeModes(NoiseSchedule schedule, Prediction prediction) {
    return new MixtureDenoiser(
        schedule,
        prediction,
        new double[][] {{-2.5}, {0}, {2.5}},
        new double[] {0.4, 0.25, 0.5},
        new double[] {0.2, 0.5, 0.3});
  }

  /** Two modes in the plane with unequal weights and deviations. */
  public static MixtureDenoiser inThePlane(NoiseSchedule schedule, Prediction prediction) {
    return new MixtureDenoiser(
        schedule,
        prediction,
        new double[][] {{-1.5, 1}, {1.5, -0.5}},
        new double[] {0.5, 0.3},
        new double[] {0.4, 0.6});
  }

  int dimension() {
    return means[0].length;
  }

  @Override
  public long[] sampleShape() {
    return new long[] {dimension()};
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    long[] shape = xt.shape();
    if (xt.dataType() != DataType.FLOAT || shape.length != 2 || shape[1] != dimension()) {
      throw new IllegalArgumentException(
          "xt must be FLOAT [n, " + dimension() + "] but was " + Arrays.toString(shape));
    }
    if (t.dataType() != DataType.FLOAT || !Arrays.equals(t.shape(), new long[] {shape[0]})) {
      throw new IllegalArgumentException(
          "t must be FLOAT [" + shape[0] + "] but was " + Arrays.toString(t.shape()));
    }
    if (!condition.isNone()) {
      throw new IllegalArgumentException("condition must be none but was " + condition);
    }
    float[] x = Values.of(xt);
    float[] steps = Values.of(t);
    float[] output = new float[x.length];
    double[] point = new double[dimension()];
    double[] x0 = new double[point.length];
    Posterior posterior = null;
    for (int i = 0; i < steps.length; i++) {
      if (posterior == null || steps[i] != steps[i - 1]) {
        posterior = new Posterior(level(steps[i]));
      }
      for (int d = 0; d < point.length; d++) {
        point[d] = x[i * point.length + d];
      }
      posterior.mean(point, x0);
      for (int d = 0; d < point.length; d++) {
        output[i * point.length + d] = (float) output(point[d], x0[d], posterior.level);
      }
    }
    return Nd4j.create(output, shape, 'c');
  }

  /** E[x_0 | x_t]. */
  double[] x0(double[] xt, double alphaBar) {
    return x0(xt, Level.of(alphaBar));
  }

  double[] x0(double[] xt, Level level) {
    double[] x0 = new double[xt.length];
    new Posterior(level).mean(xt, x0);
    return x0;
  }

  /** E[x_0 | x_t] of a noise level: the components' posterior means, by responsibility. */
  private final class Posterior {

    final Level level;
    private final double root;
    private final double[] variances = new double[weights.length];
    private final double[] constants = new double[weights.length];
    private final double[] gains = new double[weights.length];
    private final double[] logs = new double[weights.length];

    Posterior(Level level) {
      this.level = level;
      root = level.signal();
      for (int k = 0; k < weights.length; k++) {
        variances[k] = root * root * deviations[k] * deviations[k] + level.noise() * level.noise();
        constants[k] = Math.log(weights[k]) - 0.5 * dimension() * Math.log(variances[k]);
        gains[k] = root * deviations[k] * deviations[k] / variances[k];
      }
    }

    void mean(double[] xt, double[] x0) {
      double max = Double.NEGATIVE_INFINITY;
      for (int k = 0; k < logs.length; k++) {
        double squares = 0;
        for (int d = 0; d < xt.length; d++) {
          double distance = xt[d] - root * means[k][d];
          squares += distance * distance;
        }
        logs[k] = constants[k] - 0.5 * squares / variances[k];
        max = Math.max(max, logs[k]);
      }
      Arrays.fill(x0, 0);
      double sum = 0;
      for (int k = 0; k < logs.length; k++) {
        double weight = Math.exp(logs[k] - max);
        for (int d = 0; d < xt.length; d++) {
          x0[d] += weight * (means[k][d] + gains[k] * (xt[d] - root * means[k][d]));
        }
        sum += weight;
      }
      for (int d = 0; d < xt.length; d++) {
        x0[d] /= sum;
      }
    }
  }

  double output(double xt, double x0, Level level) {
    double epsilon = (xt - level.signal() * x0) / level.noise();
    return switch (prediction) {
      case EPSILON -> epsilon;
      case SAMPLE -> x0;
      case VELOCITY -> velocity(x0, epsilon, level);
      case EDM -> -velocity(x0, epsilon, level);
      case FLOW -> epsilon - x0;
      case SCORE -> -epsilon / level.noise();
    };
  }

  /** Of the data divided by the deviation for which x_t has variance 1. */
  private static double velocity(double x0, double epsilon, Level level) {
    double data =
        level.signal() == 0 ? 1 : Math.sqrt(1 - level.noise() * level.noise()) / level.signal();
    return data * level.signal() * epsilon - level.noise() / data * x0;
  }

  /** The level of a time. */
  Level level(float t) {
    return schedule.isContinuous()
        ? schedule.levelOfSigma(schedule.sigmaOfTime(t))
        : Level.of(alphaBar(t));
  }

  /** Between two timesteps, the logarithm of the noise level is linear. */
  double alphaBar(float t) {
    int below = (int) Math.floor(t);
    double share = t - below;
    if (share == 0) {
      return schedule.alphaBar(below);
    }
    double logSnr = (1 - share) * schedule.logSnr(below) + share * schedule.logSnr(below + 1);
    return 1 / (1 + Math.exp(-logSnr));
  }
}
