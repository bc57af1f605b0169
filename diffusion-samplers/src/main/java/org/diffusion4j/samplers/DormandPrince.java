package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingException;

/**
 * The method of Dormand and Prince (1980): order 5, with an embedded solution of order 4 that
 * estimates the error of each step. Every row has steps of its own, so its result does not depend
 * on the other rows.
 */
final class DormandPrince {

  private static final double[] C = {0, 1 / 5.0, 3 / 10.0, 4 / 5.0, 8 / 9.0, 1, 1};

  private static final double[][] A = {
    {},
    {1 / 5.0},
    {3 / 40.0, 9 / 40.0},
    {44 / 45.0, -56 / 15.0, 32 / 9.0},
    {19372 / 6561.0, -25360 / 2187.0, 64448 / 6561.0, -212 / 729.0},
    {9017 / 3168.0, -355 / 33.0, 46732 / 5247.0, 49 / 176.0, -5103 / 18656.0},
    {35 / 384.0, 0, 500 / 1113.0, 125 / 192.0, -2187 / 6784.0, 11 / 84.0}
  };

  /** The weights of the solution of order 5 less those of order 4. */
  private static final double[] ERROR = {
    71 / 57600.0, 0, -71 / 16695.0, 71 / 1920.0, -17253 / 339200.0, 22 / 525.0, -1 / 40.0
  };

  private static final int STAGES = C.length;
  private static final double SAFETY = 0.9;
  private static final double LEAST_GROWTH = 0.2;
  private static final double MOST_GROWTH = 5;

  /** The first step as a part of the whole way. */
  private static final double FIRST_STEP = 0.05;

  private static final int MOST_STEPS = 20_000;

  /** The right-hand side of the equation. */
  @FunctionalInterface
  interface Slope {

    /**
     * The derivatives of all rows.
     *
     * @param at the place of each row
     * @param state of each row
     * @param slope receives the derivatives
     */
    void of(double[] at, double[][] state, double[][] slope);
  }

  /** The size of an error. */
  @FunctionalInterface
  interface Norm {

    /**
     * The size of an error as a multiple of what is allowed.
     *
     * @param at the place of the row
     * @param error of each of its values
     */
    double of(double at, double[] error);
  }

  private final Slope slope;
  private final Norm norm;
  private final double end;
  private final double[] at;
  private final double[] step;
  private final double[] places;
  private final double[][] state;
  private final double[][] stage;
  private final double[][][] slopes;
  private final double[][] errors;

  private DormandPrince(Slope slope, Norm norm, double from, double to, double[][] state) {
    this.slope = slope;
    this.norm = norm;
    this.state = state;
    int n = state.length;
    int width = state[0].length;
    end = to;
    at = new double[n];
    step = new double[n];
    Arrays.fill(at, from);
    Arrays.fill(step, FIRST_STEP * (to - from));
    places = new double[n];
    stage = new double[n][width];
    slopes = new double[STAGES][n][width];
    errors = new double[n][width];
  }

  /**
   * Integrates every row from one place to another.
   *
   * @param state the rows at the beginning; afterwards those at the end
   * @return for each value the sum of the estimated errors of all steps
   * @throws SamplingException if there are too many steps
   * @throws SamplingCancelledException if the thread is interrupted
   */
  static double[][] integrate(Slope slope, Norm norm, double from, double to, double[][] state) {
    DormandPrince method = new DormandPrince(slope, norm, from, to, state);
    method.run();
    return method.errors;
  }

  private void run() {
    slope.of(at.clone(), state, slopes[0]);
    for (int count = 0; !done(); count++) {
      if (count == MOST_STEPS) {
        throw new SamplingException(
            "the flow must be solved in at most "
                + MOST_STEPS
                + " steps but was not: the denoiser is not smooth enough for the tolerance");
      }
      if (Thread.currentThread().isInterrupted()) {
        throw new SamplingCancelledException("the flow was interrupted", 0, null, null);
      }
      for (int s = 1; s < STAGES; s++) {
        evaluate(s);
      }
      for (int i = 0; i < state.length; i++) {
        if (at[i] != end) {
          advance(i);
        }
      }
    }
  }

  private boolean done() {
    return Arrays.stream(at).allMatch(place -> place == end);
  }

  /** The slopes of a stage; rows that are done stay where they are. */
  private void evaluate(int s) {
    for (int i = 0; i < state.length; i++) {
      double h = at[i] == end ? 0 : step[i];
      places[i] = at[i] + C[s] * h;
      System.arraycopy(state[i], 0, stage[i], 0, stage[i].length);
      for (int j = 0; j < s; j++) {
        add(stage[i], h * A[s][j], slopes[j][i]);
      }
    }
    slope.of(places, stage, slopes[s]);
  }

  /** Takes the step of a row, if its error is small enough, and chooses the next. */
  private void advance(int i) {
    double[] error = new double[state[i].length];
    for (int s = 0; s < STAGES; s++) {
      add(error, step[i] * ERROR[s], slopes[s][i]);
    }
    double size = norm.of(at[i], error);
    if (size <= 1) {
      // The last stage is the solution of order 5.
      boolean last = at[i] + step[i] == end || Math.abs(end - at[i]) <= Math.abs(step[i]);
      at[i] = last ? end : at[i] + step[i];
      System.arraycopy(stage[i], 0, state[i], 0, state[i].length);
      System.arraycopy(slopes[STAGES - 1][i], 0, slopes[0][i], 0, state[i].length);
      for (int k = 0; k < error.length; k++) {
        errors[i][k] += Math.abs(error[k]);
      }
    }
    double growth = size > 0 ? SAFETY * Math.pow(size, -0.2) : MOST_GROWTH;
    step[i] *= Math.max(LEAST_GROWTH, Math.min(MOST_GROWTH, growth));
    if (Math.abs(step[i]) > Math.abs(end - at[i])) {
      step[i] = end - at[i];
    }
  }

  private static void add(double[] to, double factor, double[] values) {
    if (factor != 0) {
      for (int k = 0; k < to.length; k++) {
        to[k] += factor * values[k];
      }
    }
  }
}
