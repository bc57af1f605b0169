package org.diffusion4j.samplers;

import java.util.List;
import org.diffusion4j.samplers.FittedSampler.Solver;
import org.jspecify.annotations.Nullable;

/**
 * Fits the noise levels and coefficients of a {@link FittedSampler} so that it ends where
 * trajectories end that start from the same noise: first step by step, then all together, as S4S
 * (Frankel et al. 2025) does with gradients. Derivatives are differences, so any denoiser will do.
 */
final class SolverFit implements LeastSquares.Residual {

  private static final int ITERATIONS = 6;
  private static final double ENOUGH = 0.02;

  /** The differences of coefficients and of logarithms of sigma. */
  private static final double DIFFERENCE = 0.01;

  private final Predictions predictions;
  private final Trajectories goal;
  private final int steps;

  /** The states of the best parameters, and the predictions at them. */
  private float[][] y;

  private float[][] x0;

  private SolverFit(Predictions predictions, Trajectories goal, int steps) {
    this.predictions = predictions;
    this.goal = goal;
    this.steps = steps;
    y = new float[steps + 1][];
    x0 = new float[steps][];
  }

  /**
   * Fits a solver.
   *
   * @param starts lists of noise levels, of which the best is improved
   */
  static Solver fit(Predictions predictions, Trajectories goal, List<double[]> starts) {
    SolverFit fit = new SolverFit(predictions, goal, starts.get(0).length);
    List<double[]> parameters =
        starts.stream().map(sigmas -> fit.parameters(fit.stepByStep(sigmas))).toList();
    double[] start = LeastSquares.best(fit, parameters);
    return fit.solver(LeastSquares.minimize(fit, start, ITERATIONS, ENOUGH));
  }

  /** The coefficients with which each step alone comes closest to the trajectories. */
  private Solver stepByStep(double[] sigmas) {
    double[][] coefficients = new double[steps][];
    float[] state = goal.y()[0];
    for (int i = 0; i < steps; i++) {
      x0[i] = predictions.x0(state, sigmas[i]);
      float[][] terms = terms(i, state, x0);
      coefficients[i] =
          LeastSquares.combination(terms, i + 1 == steps ? goal.samples() : goal.at(sigmas[i + 1]));
      state = sum(coefficients[i], terms);
    }
    return new Solver(sigmas, coefficients);
  }

  /** What a step adds up. */
  private static float[][] terms(int step, float[] state, float[][] predicted) {
    float[][] terms = new float[1 + Solver.terms(step)][];
    terms[0] = state;
    for (int j = 1; j < terms.length; j++) {
      terms[j] = predicted[step + 1 - j];
    }
    return terms;
  }

  private static float[] sum(double[] coefficients, float[][] terms) {
    float[] sum = new float[terms[0].length];
    for (int j = 0; j < terms.length; j++) {
      float factor = (float) coefficients[j];
      for (int k = 0; k < sum.length; k++) {
        sum[k] += factor * terms[j][k];
      }
    }
    return sum;
  }

  /** The logarithms of the levels but the first, which is that of the noise, and coefficients. */
  private double[] parameters(Solver solver) {
    double[] all = new double[Solver.length(steps) - 1];
    double[] list = solver.toList().stream().mapToDouble(Double::doubleValue).toArray();
    for (int k = 1; k < list.length; k++) {
      all[k - 1] = k < steps ? Math.log(list[k]) : list[k];
    }
    return all;
  }

  private Solver solver(double[] parameters) {
    double[] list = new double[parameters.length + 1];
    list[0] = goal.levels()[0].sigma();
    for (int k = 1; k < list.length; k++) {
      list[k] = k < steps ? Math.exp(parameters[k - 1]) : parameters[k - 1];
    }
    return Solver.of(list, steps);
  }

  @Override
  public float @Nullable [] of(double[] parameters) {
    Solver solver = solver(parameters);
    for (int i = 1; i < steps; i++) {
      double sigma = solver.sigmas()[i];
      if (!(sigma < solver.sigmas()[i - 1] && sigma >= predictions.lowest())) {
        return null;
      }
    }
    float[][] states = new float[steps + 1][];
    float[][] predicted = new float[steps][];
    states[0] = goal.y()[0];
    run(solver, 0, states, predicted);
    return difference(states[steps]);
  }

  private float[] difference(float[] samples) {
    float[] difference = new float[samples.length];
    for (int k = 0; k < difference.length; k++) {
      difference[k] = samples[k] - goal.samples()[k];
    }
    return difference;
  }

  /** Does the steps from one on, whose state is there. */
  private void run(Solver solver, int from, float[][] states, float[][] predicted) {
    for (int i = from; i < steps; i++) {
      predicted[i] = predictions.x0(states[i], solver.sigmas()[i]);
      states[i + 1] = sum(solver.coefficients()[i], terms(i, states[i], predicted));
    }
    states[steps] = predictions.corrected(states[steps]);
  }

  @Override
  public float[][] derivatives(double[] parameters, float[] values) {
    Solver solver = solver(parameters);
    y[0] = goal.y()[0];
    run(solver, 0, y, x0);
    float[][] derivatives = new float[parameters.length][];
    for (int i = 1; i < steps; i++) {
      double[] moved = parameters.clone();
      moved[i - 1] += DIFFERENCE;
      derivatives[i - 1] = slope(solver(moved), i, y[i]);
    }
    int at = steps - 1;
    for (int i = 0; i < steps; i++) {
      float[][] terms = terms(i, y[i], x0);
      for (float[] term : terms) {
        float[] moved = sum(solver.coefficients()[i], terms);
        for (int k = 0; k < moved.length; k++) {
          moved[k] += (float) DIFFERENCE * term[k];
        }
        derivatives[at++] = slope(solver, i + 1, moved);
      }
    }
    return derivatives;
  }

  /** The change of the samples, by the difference, with another solver or state from a step on. */
  private float[] slope(Solver solver, int from, float[] state) {
    float[][] states = y.clone();
    float[][] predicted = x0.clone();
    states[from] = state;
    run(solver, from, states, predicted);
    float[] slope = new float[state.length];
    for (int k = 0; k < slope.length; k++) {
      slope[k] = (float) ((states[steps][k] - y[steps][k]) / DIFFERENCE);
    }
    return slope;
  }
}
