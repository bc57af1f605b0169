package org.diffusion4j.training;

import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Consistency distillation (Song et al. 2023, algorithm 2): the lower sample is where a step of
 * Heun's method along the teacher's probability flow ends. Divided by {@code signal + noise}, every
 * process is a straight path, whose time {@code noise / (signal + noise)} ends at 1 where there is
 * no signal; steps are of one size in it.
 *
 * @param teacher the model whose probability flow it is
 * @param steps of the whole path
 */
record ConsistencyDistillation(Denoiser teacher, int steps) implements ConsistencyLoss.Path {

  ConsistencyDistillation {
    Objects.requireNonNull(teacher, "teacher");
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + steps);
    }
    if (!ConsistencyLoss.predictsSamples(teacher) || !teacher.isDeterministic()) {
      throw new IllegalArgumentException(
          "the teacher must be deterministic and predict samples or velocities, without a"
              + " variance, but predicts "
              + teacher.prediction());
    }
  }

  @Override
  public void check(Denoiser trained) {
    if (trained == teacher) {
      throw new IllegalArgumentException("the teacher must be another model than the one trained");
    }
    NoiseSchedule mine = trained.schedule();
    NoiseSchedule other = teacher.schedule();
    boolean same =
        Arrays.equals(trained.sampleShape(), teacher.sampleShape())
            && mine.steps() == other.steps()
            && IntStream.range(0, mine.steps()).allMatch(t -> mine.level(t).equals(other.level(t)));
    if (!same) {
      throw new IllegalArgumentException(
          "the teacher must have the model's shape and schedule, "
              + Arrays.toString(trained.sampleShape())
              + " and "
              + mine
              + ", but has "
              + Arrays.toString(teacher.sampleShape())
              + " and "
              + other);
    }
  }

  @Override
  public int lower(NoiseSchedule schedule, int t) {
    double goal = time(schedule.level(t)) - 1.0 / steps;
    int r = t - 1;
    while (r >= 0 && time(schedule.level(r)) > goal) {
      r--;
    }
    return r;
  }

  @Override
  public INDArray samples(Loss.NoisyBatch batch, int[] r, Condition condition) {
    Level[] from = levels(batch.schedule(), batch.t());
    Level[] to = levels(batch.schedule(), r);
    float[] x = Floats.of(batch.xt());
    float[] first = slopes(batch.xt(), x, batch.t(), from, condition);
    float[] end = stepped(x, first, from, to);
    int[] last = Arrays.stream(r).map(t -> Math.max(t, 0)).toArray();
    try (INDArray xr = Nd4j.createFromArray(end).reshape(batch.xt().shape())) {
      float[] second = slopes(xr, end, last, to, condition);
      int size = x.length / r.length;
      for (int k = 0; k < x.length; k++) {
        // Euler's method where the end is clean, at which a network says nothing.
        first[k] = r[k / size] < 0 ? first[k] : (first[k] + second[k]) / 2;
      }
    }
    return Nd4j.createFromArray(stepped(x, first, from, to)).reshape(batch.xt().shape());
  }

  /** Low levels weigh most, because errors there are passed on. */
  @Override
  public double weight(NoiseSchedule schedule, int t, int r) {
    return 1 / time(schedule.level(t));
  }

  private static double time(Level level) {
    return level.noise() / (level.signal() + level.noise());
  }

  private static Level[] levels(NoiseSchedule schedule, int[] t) {
    return Arrays.stream(t)
        .mapToObj(s -> s < 0 ? Level.CLEAN : schedule.level(s))
        .toArray(Level[]::new);
  }

  /** The derivative {@code epsilon - x_0} of the straight path. */
  private float[] slopes(INDArray xt, float[] x, int[] t, Level[] levels, Condition condition) {
    Prediction prediction = teacher.prediction();
    try (INDArray time = Nd4j.createFromArray(Loss.NoisyBatch.times(teacher.schedule(), t));
        INDArray output = teacher.predict(xt, time, condition)) {
      float[] slopes = Floats.of(output);
      int size = x.length / t.length;
      for (int k = 0; k < x.length; k++) {
        Level level = levels[k / size];
        double ofX = -prediction.ofX0(level) - prediction.ofEpsilon(level);
        double ofOutput = level.signal() + level.noise();
        double determinant = ConsistencyLoss.determinant(prediction, level);
        slopes[k] = (float) ((ofX * x[k] + ofOutput * slopes[k]) / determinant);
      }
      return slopes;
    }
  }

  private static float[] stepped(float[] x, float[] slopes, Level[] from, Level[] to) {
    float[] next = new float[x.length];
    int size = x.length / from.length;
    for (int k = 0; k < x.length; k++) {
      Level start = from[k / size];
      Level end = to[k / size];
      double straight =
          x[k] / (start.signal() + start.noise()) + (time(end) - time(start)) * slopes[k];
      next[k] = (float) (straight * (end.signal() + end.noise()));
    }
    return next;
  }

  @Override
  public String toString() {
    return "consistency distillation(" + steps + " steps)";
  }
}
