package org.diffusion4j;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** A schedule held as two arrays. Two schedules of equal betas are equal. */
final class ArraySchedule implements NoiseSchedule {

  private static final double MAX_BETA = 0.999;

  private final double[] betas;
  private final double[] alphaBars;

  private ArraySchedule(double[] betas, double[] alphaBars) {
    this.betas = betas;
    this.alphaBars = alphaBars;
  }

  static ArraySchedule ofBetas(double[] betas) {
    requireSteps(betas.length);
    double[] alphaBars = new double[betas.length];
    double product = 1;
    for (int t = 0; t < betas.length; t++) {
      if (!(betas[t] > 0 && betas[t] < 1)) {
        throw new IllegalArgumentException(
            "beta must be in (0, 1) but was " + betas[t] + " at step " + t);
      }
      double previous = product;
      product *= 1 - betas[t];
      if (!(product > 0 && product < previous)) {
        throw new IllegalArgumentException(
            "alphaBar must be positive and less than the "
                + previous
                + " before it but beta "
                + betas[t]
                + " makes it "
                + product
                + " at step "
                + t);
      }
      alphaBars[t] = product;
    }
    return new ArraySchedule(betas, alphaBars);
  }

  static ArraySchedule ofAlphaBars(double[] alphaBars) {
    requireSteps(alphaBars.length);
    double[] betas = new double[alphaBars.length];
    double previous = 1;
    for (int t = 0; t < alphaBars.length; t++) {
      double lowest = t == alphaBars.length - 1 ? 0 : Double.MIN_VALUE;
      if (!(alphaBars[t] >= lowest && alphaBars[t] < previous)) {
        throw new IllegalArgumentException(
            "alphaBar must be positive (the last may be 0) and less than the "
                + previous
                + " before it but was "
                + alphaBars[t]
                + " at step "
                + t);
      }
      betas[t] = 1 - alphaBars[t] / previous;
      previous = alphaBars[t];
    }
    return new ArraySchedule(betas, alphaBars);
  }

  static ArraySchedule zeroTerminalSnr(NoiseSchedule schedule) {
    int steps = schedule.steps();
    if (steps < 2) {
      throw new IllegalArgumentException(
          "steps must be at least 2 for zero terminal SNR but was " + steps);
    }
    double first = Math.sqrt(schedule.alphaBar(0));
    double last = Math.sqrt(schedule.alphaBar(steps - 1));
    double[] alphaBars = new double[steps];
    for (int t = 0; t < steps; t++) {
      double root = (Math.sqrt(schedule.alphaBar(t)) - last) * first / (first - last);
      alphaBars[t] = root * root;
    }
    return ofAlphaBars(alphaBars);
  }

  /** Betas of a continuous alphaBar over [0, 1]: Improved DDPM, equation 17. */
  static double[] fromAlphaBarFunction(int steps, DoubleUnaryOperator alphaBar) {
    requireSteps(steps);
    double[] betas = new double[steps];
    for (int t = 0; t < steps; t++) {
      double here = alphaBar.applyAsDouble((double) t / steps);
      double next = alphaBar.applyAsDouble((t + 1.0) / steps);
      betas[t] = Math.min(1 - next / here, MAX_BETA);
    }
    return betas;
  }

  static double[] line(int steps, double first, double last) {
    requireSteps(steps);
    double[] line = new double[steps];
    for (int t = 0; t < steps; t++) {
      line[t] = steps == 1 ? first : first + (last - first) * t / (steps - 1);
    }
    if (steps > 1) {
      line[steps - 1] = last; // exactly: a schedule is recognised by its ends
    }
    return line;
  }

  static void requireEnds(double first, double last) {
    if (!(first > 0 && first < 1 && last > 0 && last < 1)) {
      throw new IllegalArgumentException(
          "first and last beta must be in (0, 1) but were " + first + " and " + last);
    }
  }

  static void requireSteps(int steps) {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but was " + steps);
    }
  }

  @Override
  public int steps() {
    return betas.length;
  }

  @Override
  public double beta(int t) {
    requireTimestep(t, 0);
    return betas[t];
  }

  @Override
  public double alphaBar(int t) {
    requireTimestep(t, -1);
    return t < 0 ? 1 : alphaBars[t];
  }

  private void requireTimestep(int t, int lowest) {
    if (t < lowest || t >= betas.length) {
      throw new IllegalArgumentException(
          "timestep must be in [" + lowest + ", " + (betas.length - 1) + "] but was " + t);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ArraySchedule that && Arrays.equals(betas, that.betas);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(betas);
  }

  @Override
  public String toString() {
    return "NoiseSchedule[steps="
        + betas.length
        + ", beta="
        + betas[0]
        + ".."
        + betas[betas.length - 1]
        + ", last alphaBar="
        + alphaBars[alphaBars.length - 1]
        + "]";
  }
}
