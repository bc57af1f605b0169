package org.diffusion4j.training;

import java.util.Arrays;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The loss of easy consistency tuning, ECT (Geng et al. 2024): the distance of the clean sample
 * that the model predicts at timestep t from the one that it predicts with the same noise at a
 * lower timestep r, without the gradient of the latter.
 *
 * @param model the model that is trained
 * @param closeness 1 less the step's part of the noise level, {@code 1 / q^a} in the paper
 */
record ConsistencyLoss(Denoiser model, double closeness) implements Loss {

  /** The authors' k and b of n(t) = 1 + k sigmoid(-b t). */
  private static final double K = 8;

  /** The distance below which the loss is quadratic, per value. */
  private static final double C = 0.03;

  /** The greatest noise level of the paper. Higher ones, which may be infinite, weigh like it. */
  private static final double MOST = 80;

  ConsistencyLoss {
    Objects.requireNonNull(model, "model");
    if (!(closeness >= 0 && closeness < 1)) {
      throw new IllegalArgumentException("closeness must be in [0, 1) but was " + closeness);
    }
  }

  @Override
  public void check(Denoiser trained) {
    if (trained != model) {
      throw new IllegalArgumentException("a consistency loss must be of the model that is trained");
    }
    boolean predictsNoise =
        model.prediction() == Prediction.EPSILON || model.prediction() == Prediction.SCORE;
    if (predictsNoise || model.learnsVariance()) {
      throw new IllegalArgumentException(
          "a consistency loss must be of a model that predicts samples or velocities, without a"
              + " variance");
    }
  }

  @Override
  public SampleLoss of(NoisyBatch batch) {
    return of(batch, Condition.none());
  }

  @Override
  public SampleLoss of(NoisyBatch batch, Condition condition) {
    int[] r = Arrays.stream(batch.t()).map(t -> lower(batch.schedule(), t)).toArray();
    float[] target = target(batch, r, condition);
    float[] x = Floats.of(batch.xt());
    int n = batch.t().length;
    int size = x.length / n;
    return (i, output, gradient) -> {
      Level level = batch.schedule().level(batch.t()[i]);
      double squares = 0;
      for (int k = 0; k < size; k++) {
        double difference =
            clean(batch.prediction(), level, x[i * size + k], output[k]) - target[i * size + k];
        gradient[k] = (float) difference;
        squares += difference * difference;
      }
      double distance = Math.sqrt(squares / size + C * C);
      double weight = weight(batch.schedule(), batch.t()[i], r[i]) / n;
      double factor = weight * slope(batch.prediction(), level) / (size * distance);
      for (int k = 0; k < size; k++) {
        gradient[k] *= (float) factor;
      }
      return weight * (distance - C);
    };
  }

  /** The clean samples that the model predicts at r; the data themselves where r is clean. */
  private float[] target(NoisyBatch batch, int[] r, Condition condition) {
    float[] target = Floats.of(batch.x0());
    int size = target.length / r.length;
    float[] times = new float[r.length];
    for (int i = 0; i < r.length; i++) {
      int s = Math.max(0, r[i]);
      NoiseSchedule schedule = batch.schedule();
      times[i] = schedule.isContinuous() ? (float) schedule.time(schedule.sigma(s)) : s;
    }
    try (INDArray xr = new ForwardProcess(batch.schedule()).noisy(batch.x0(), batch.noise(), r);
        INDArray t = Nd4j.createFromArray(times);
        INDArray output = model.predict(xr, t, condition)) {
      float[] x = Floats.of(xr);
      float[] predicted = Floats.of(output);
      for (int k = 0; k < target.length; k++) {
        int s = r[k / size];
        if (s >= 0) {
          Level level = batch.schedule().level(s);
          target[k] = (float) clean(batch.prediction(), level, x[k], predicted[k]);
        }
      }
    }
    return target;
  }

  /** The timestep r of t; -1 is clean. */
  private int lower(NoiseSchedule schedule, int t) {
    double sigma = schedule.alphaBar(t) == 0 ? Double.MAX_VALUE : schedule.sigma(t);
    double mapped = 1 + K / (1 + Math.exp(Math.min(sigma, 700)));
    double goal = sigma * (1 - (1 - closeness) * mapped);
    int r = t - 1;
    while (r >= 0 && schedule.sigma(r) > goal) {
      r--;
    }
    return r;
  }

  /**
   * 1 / (sigma(t) - sigma(r)) as in the paper, times the part {@code 1 - closeness}, so that stages
   * have losses of one size. Low levels weigh most, because errors there are passed on.
   */
  private double weight(NoiseSchedule schedule, int t, int r) {
    if (schedule.alphaBar(t) == 0 || schedule.sigma(t) > MOST) {
      return 1 / MOST;
    }
    return (1 - closeness) / (schedule.sigma(t) - (r < 0 ? 0 : schedule.sigma(r)));
  }

  private static double clean(Prediction prediction, Level level, double x, double output) {
    return prediction.ofEpsilon(level) / determinant(prediction, level) * x
        + slope(prediction, level) * output;
  }

  /** The derivative of the clean sample with respect to the output: {@link Prediction#x0}. */
  private static double slope(Prediction prediction, Level level) {
    return -level.noise() / determinant(prediction, level);
  }

  private static double determinant(Prediction prediction, Level level) {
    return level.signal() * prediction.ofEpsilon(level) - level.noise() * prediction.ofX0(level);
  }

  @Override
  public String toString() {
    return "consistency(" + closeness + ")";
  }
}
