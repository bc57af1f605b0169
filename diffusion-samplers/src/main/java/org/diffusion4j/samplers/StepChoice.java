package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.NoiseSchedule.Level;

/**
 * The choice of a few nodes of many: GITS (Chen et al. 2024). The cost of a step is the distance of
 * its end from the trajectory, if it starts on the trajectory and follows its tangent; the cheapest
 * way is found by dynamic programming.
 */
final class StepChoice {

  /** The authors have 1.15. */
  private static final double[] GROWTHS = {1, 1.15, 1.3};

  private final double[] sigmas;
  private final double[][] costs;

  private StepChoice(double[] sigmas, double[][] costs) {
    this.sigmas = sigmas;
    this.costs = costs;
  }

  /** The costs of all steps along trajectories. */
  static StepChoice of(Trajectories trajectories) {
    int nodes = trajectories.nodes();
    Level[] levels = trajectories.levels();
    double[][] costs = new double[nodes][nodes + 1];
    for (int i = 0; i < nodes; i++) {
      for (int j = i + 1; j <= nodes; j++) {
        double kept = levels[j].sigma() / levels[i].sigma();
        costs[i][j] =
            distance(trajectories.y()[i], trajectories.x0()[i], kept, trajectories.y()[j]);
      }
    }
    return new StepChoice(
        Arrays.stream(levels).mapToDouble(Level::sigma).limit(nodes).toArray(), costs);
  }

  private static double distance(float[] y, float[] x0, double kept, float[] end) {
    double squares = 0;
    for (int k = 0; k < y.length; k++) {
      double difference = kept * y[k] + (1 - kept) * x0[k] - end[k];
      squares += difference * difference;
    }
    return Math.sqrt(squares / y.length);
  }

  /** Several choices: for some growths of errors, and evenly spaced nodes. */
  List<double[]> several(int steps) {
    List<double[]> all = new ArrayList<>();
    for (double growth : GROWTHS) {
      all.add(sigmas(steps, growth));
    }
    double[] even = new double[steps];
    for (int k = 0; k < steps; k++) {
      even[k] = sigmas[(int) ((long) k * sigmas.length / steps)];
    }
    all.add(even);
    return all;
  }

  /**
   * The noise levels of the cheapest way from the first node to the end.
   *
   * @param steps their number, at most that of the nodes
   * @param growth by which an error counts more for each step after it, at least 1
   */
  double[] sigmas(int steps, double growth) {
    int nodes = sigmas.length;
    double[][] best = new double[steps + 1][nodes + 1];
    int[][] next = new int[steps + 1][nodes + 1];
    for (double[] row : best) {
      Arrays.fill(row, Double.POSITIVE_INFINITY);
    }
    best[0][nodes] = 0;
    for (int left = 1; left <= steps; left++) {
      double weight = Math.pow(growth, left - 1);
      for (int i = 0; i < nodes; i++) {
        for (int j = i + 1; j <= nodes; j++) {
          double cost = weight * costs[i][j] + best[left - 1][j];
          if (cost < best[left][i]) {
            best[left][i] = cost;
            next[left][i] = j;
          }
        }
      }
    }
    double[] chosen = new double[steps];
    int node = 0;
    for (int k = 0; k < steps; k++) {
      chosen[k] = sigmas[node];
      node = next[steps - k][node];
    }
    return chosen;
  }
}
