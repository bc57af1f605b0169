package org.diffusion4j.training;

import java.util.Arrays;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Consistency distillation (Song et al. 2023, algorithm 2): the lower sample is where a step of
 * Heun's method along the teacher's probability flow ends. Other than in the paper, the step may
 * begin at any timestep, and the target is of the model as it is, not of an average of its weights.
 * Divided by {@code signal + noise}, every process is a straight path, whose time {@code noise /
 * (signal + noise)} ends at 1 where there is no signal; steps are of one size in it.
 *
 * @param teacher the model whose probability flow it is
 * @param steps of the whole path
 */
record ConsistencyDistillation(Denoiser teacher, int steps) implements ConsistencyLoss.Path {

  /** The part of a step below which the end counts as clean. */
  private static final double NEARLY_CLEAN = 0.1;

  /** The greatest difference of two levels that are the same. */
  private static final double ROUNDING = 1e-6;

  ConsistencyDistillation {
    Objects.requireNonNull(teacher, "teacher");
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + steps);
    }
    if (!ConsistencyLoss.predictsSamples(teacher)) {
      throw new IllegalArgumentException(
          "the teacher must predict samples or velocities, without a variance, but predicts "
              + teacher.prediction()
              + (teacher.learnsVariance() ? " and a variance" : ""));
    }
    if (!teacher.isDeterministic()) {
      throw new IllegalArgumentException(
          "the teacher must be deterministic but draws random numbers");
    }
  }

  @Override
  public void check(Denoiser trained) {
    if (trained == teacher) {
      throw new IllegalArgumentException(
          "the teacher must be a model other than the one that is trained");
    }
    requireSame(
        "shape", Arrays.toString(trained.sampleShape()), Arrays.toString(teacher.sampleShape()));
    NoiseSchedule mine = trained.schedule();
    NoiseSchedule other = teacher.schedule();
    requireSame("number of timesteps", mine.steps(), other.steps());
    for (int t = 0; t < mine.steps(); t++) {
      if (!isSame(mine.level(t), other.level(t))) {
        requireSame("noise level at timestep " + t, mine.level(t), other.level(t));
      }
    }
    int theirs = Condition.Takes.of(teacher).classes();
    if (theirs != Condition.Takes.ANY) {
      requireSame("number of classes", Condition.Takes.of(trained).classes(), theirs);
    }
  }

  private static boolean isSame(Level one, Level other) {
    double most = ROUNDING * (one.signal() + one.noise());
    return Math.abs(one.signal() - other.signal()) <= most
        && Math.abs(one.noise() - other.noise()) <= most;
  }

  private static void requireSame(String what, Object ofModel, Object ofTeacher) {
    if (!ofModel.equals(ofTeacher)) {
      throw new IllegalArgumentException(
          "the teacher must have the model's " + what + ", " + ofModel + ", but has " + ofTeacher);
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
    try (INDArray xr = Nd4j.createFromArray(end).reshape(batch.xt().shape())) {
      float[] second = slopes(xr, end, ConsistencyLoss.noisy(r), to, condition);
      int size = x.length / r.length;
      for (int k = 0; k < x.length; k++) {
        // Euler's method where the end is clean or nearly so: its slope says nothing of the noise.
        boolean heun = time(to[k / size]) * steps > NEARLY_CLEAN;
        first[k] = heun ? (first[k] + second[k]) / 2 : first[k];
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
    return Arrays.stream(t).mapToObj(schedule::level).toArray(Level[]::new);
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
