package org.diffusion4j.training;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Optimal transport within a batch: each clean sample gets the noise that makes the sum of squared
 * distances least, so that paths from noise to data cross less. Tong et al. 2024, section 3.3;
 * Pooladian et al. 2023.
 */
final class Pairing {

  private Pairing() {}

  /** Reorders the noise of a batch in place. */
  static void pair(INDArray x0, INDArray noise) {
    int n = Math.toIntExact(x0.size(0));
    float[] clean = Floats.of(x0);
    float[] drawn = Floats.of(noise);
    int length = clean.length / n;
    double[][] cost = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        double product = 0;
        for (int k = 0; k < length; k++) {
          product += (double) clean[i * length + k] * drawn[j * length + k];
        }
        cost[i][j] = -product; // up to terms that are the same for every pairing
      }
    }
    int[] partner = assignment(cost);
    float[] paired = new float[drawn.length];
    for (int i = 0; i < n; i++) {
      System.arraycopy(drawn, partner[i] * length, paired, i * length, length);
    }
    try (INDArray reordered = Nd4j.create(paired, noise.shape(), 'c')) {
      noise.assign(reordered);
    }
  }

  /**
   * The assignment of least cost by the Hungarian method with potentials, in O(n^3): row by row the
   * shortest augmenting path (Jonker and Volgenant 1987).
   *
   * @return the column of each row
   */
  static int[] assignment(double[][] cost) {
    int n = cost.length;
    double[] ofRow = new double[n + 1];
    double[] ofColumn = new double[n + 1];
    int[] row = new int[n + 1]; // that a column is assigned to, from 1; 0 for none
    int[] before = new int[n + 1];
    for (int i = 1; i <= n; i++) {
      row[0] = i;
      int column = 0;
      double[] least = new double[n + 1];
      Arrays.fill(least, Double.POSITIVE_INFINITY);
      boolean[] reached = new boolean[n + 1];
      do {
        reached[column] = true;
        int current = row[column];
        double step = Double.POSITIVE_INFINITY;
        int next = 0;
        for (int j = 1; j <= n; j++) {
          if (!reached[j]) {
            double reduced = cost[current - 1][j - 1] - ofRow[current] - ofColumn[j];
            if (reduced < least[j]) {
              least[j] = reduced;
              before[j] = column;
            }
            if (least[j] < step) {
              step = least[j];
              next = j;
            }
          }
        }
        for (int j = 0; j <= n; j++) {
          if (reached[j]) {
            ofRow[row[j]] += step;
            ofColumn[j] -= step;
          } else {
            least[j] -= step;
          }
        }
        column = next;
      } while (row[column] != 0);
      while (column != 0) {
        row[column] = row[before[column]];
        column = before[column];
      }
    }
    int[] columns = new int[n];
    for (int j = 1; j <= n; j++) {
      columns[row[j] - 1] = j - 1;
    }
    return columns;
  }
}
