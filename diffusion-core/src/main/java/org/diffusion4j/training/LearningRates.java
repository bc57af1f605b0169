package org.diffusion4j.training;

import java.util.function.IntToDoubleFunction;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * Learning rates as functions of the step, from 0, for {@link Optimizer}s of this library and of
 * ND4J. Any other {@link ISchedule} that counts iterations can be used, too.
 */
public final class LearningRates {

  private LearningRates() {}

  /**
   * A constant learning rate.
   *
   * @param rate positive
   */
  public static ISchedule constant(double rate) {
    requirePositive("learning rate", rate);
    return new Rate("constant(" + rate + ")", step -> rate);
  }

  /**
   * A linear decrease from a rate to 0.
   *
   * @param rate at step 0, positive
   * @param steps at which 0 is reached, at least 1
   */
  public static ISchedule linear(double rate, int steps) {
    requirePositive("learning rate", rate);
    requireSteps(steps);
    return new Rate(
        "linear(" + rate + ", " + steps + ")",
        step -> rate * (1 - Math.min(step, steps) / (double) steps));
  }

  /**
   * A decrease from a rate to 0 along half a cosine: Loshchilov and Hutter 2017, equation 5.
   *
   * @param rate at step 0, positive
   * @param steps at which 0 is reached, at least 1
   */
  public static ISchedule cosine(double rate, int steps) {
    requirePositive("learning rate", rate);
    requireSteps(steps);
    return new Rate(
        "cosine(" + rate + ", " + steps + ")",
        step -> rate * (1 + StrictMath.cos(Math.PI * Math.min(step, steps) / steps)) / 2);
  }

  /**
   * A linear warm-up: at step k the rate is {@code (k + 1) / steps} times the other schedule's, and
   * after the warm-up it is the other schedule's.
   *
   * @param steps number of steps of the warm-up, at least 1
   * @param then the other schedule; its steps include those of the warm-up
   */
  public static ISchedule warmUp(int steps, ISchedule then) {
    requireSteps(steps);
    return new Rate(
        "warmUp(" + steps + ", " + then + ")",
        step -> Math.min(1, (step + 1.0) / steps) * then.valueAt(step, 0));
  }

  static void requirePositive(String what, double value) {
    if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(what + " must be positive but was " + value);
    }
  }

  private static void requireSteps(int steps) {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + steps);
    }
  }

  /** A schedule that is its own copy. */
  private record Rate(String description, IntToDoubleFunction atStep) implements ISchedule {

    @Override
    public double valueAt(int step, int epoch) {
      return atStep.applyAsDouble(step);
    }

    @Override
    public ISchedule clone() {
      return this;
    }

    @Override
    public String toString() {
      return description;
    }
  }
}
