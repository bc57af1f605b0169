package org.diffusion4j.training;

import java.util.Arrays;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The loss of consistency models: the distance of the clean sample that the model predicts at
 * timestep t from the one that it predicts at a lower timestep r of the same path, without the
 * gradient of the latter. The distance is that of Geng et al. 2024.
 *
 * @param model the model that is trained
 * @param path where the lower sample is
 */
record ConsistencyLoss(Denoiser model, Path path) implements Loss {

  /** Which samples should have the same clean sample. */
  interface Path {

    /** Checks that a model can be trained on this path. */
    default void check(Denoiser trained) {}

    /** The timestep r of t; -1 is clean. */
    int lower(NoiseSchedule schedule, int t);

    /** The samples at r, of the batch's shape and in the scale of the process. */
    INDArray samples(NoisyBatch batch, int[] r, Condition condition);

    /** The weight of the distance. */
    double weight(NoiseSchedule schedule, int t, int r);
  }

  /** The distance below which the loss is quadratic, per value. */
  private static final double C = 0.03;

  ConsistencyLoss {
    Objects.requireNonNull(model, "model");
  }

  @Override
  public void check(Denoiser trained) {
    if (trained != model) {
      throw new IllegalArgumentException("a consistency loss must be of the model that is trained");
    }
    if (!predictsSamples(model)) {
      throw new IllegalArgumentException(
          "a consistency loss must be of a model that predicts samples or velocities, without a"
              + " variance");
    }
    path.check(trained);
  }

  /** Whether clean samples follow from the output at every level, and nothing else is in it. */
  static boolean predictsSamples(Denoiser model) {
    boolean predictsNoise =
        model.prediction() == Prediction.EPSILON || model.prediction() == Prediction.SCORE;
    return !predictsNoise && !model.learnsVariance();
  }

  @Override
  public SampleLoss of(NoisyBatch batch) {
    return of(batch, Condition.none());
  }

  @Override
  public SampleLoss of(NoisyBatch batch, Condition condition) {
    NoiseSchedule schedule = batch.schedule();
    int[] r = Arrays.stream(batch.t()).map(t -> path.lower(schedule, t)).toArray();
    float[] target = target(batch, r, condition);
    float[] x = Floats.of(batch.xt());
    int n = batch.t().length;
    int size = x.length / n;
    return (i, output, gradient) -> {
      Level level = schedule.level(batch.t()[i]);
      double squares = 0;
      for (int k = 0; k < size; k++) {
        double difference =
            clean(batch.prediction(), level, x[i * size + k], output[k]) - target[i * size + k];
        gradient[k] = (float) difference;
        squares += difference * difference;
      }
      double distance = Math.sqrt(squares / size + C * C);
      double weight = path.weight(schedule, batch.t()[i], r[i]) / n;
      double factor = weight * slope(batch.prediction(), level) / (size * distance);
      for (int k = 0; k < size; k++) {
        gradient[k] *= (float) factor;
      }
      return weight * (distance - C);
    };
  }

  /** The clean samples that the model predicts at r; the samples themselves where r is clean. */
  private float[] target(NoisyBatch batch, int[] r, Condition condition) {
    try (INDArray xr = path.samples(batch, r, condition);
        INDArray t = Nd4j.createFromArray(NoisyBatch.times(batch.schedule(), noisy(r)));
        INDArray output = model.predict(xr, t, condition)) {
      float[] target = Floats.of(xr);
      float[] predicted = Floats.of(output);
      int size = target.length / r.length;
      for (int k = 0; k < target.length; k++) {
        Level level = batch.schedule().level(r[k / size]);
        target[k] =
            (float)
                (r[k / size] < 0
                    ? target[k] / level.signal()
                    : clean(batch.prediction(), level, target[k], predicted[k]));
      }
      return target;
    }
  }

  /** Timesteps that models know: 0 for -1, where what they predict is not used. */
  static int[] noisy(int[] r) {
    return Arrays.stream(r).map(t -> Math.max(t, 0)).toArray();
  }

  private static double clean(Prediction prediction, Level level, double x, double output) {
    return prediction.ofEpsilon(level) / determinant(prediction, level) * x
        + slope(prediction, level) * output;
  }

  /** The derivative of the clean sample with respect to the output: {@link Prediction#x0}. */
  private static double slope(Prediction prediction, Level level) {
    return -level.noise() / determinant(prediction, level);
  }

  /** Of the system that the clean sample and the noise solve. */
  static double determinant(Prediction prediction, Level level) {
    return level.signal() * prediction.ofEpsilon(level) - level.noise() * prediction.ofX0(level);
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
