package org.diffusion4j.samplers;

import java.util.function.Supplier;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Noise to add, arrays to close, and a linear system to solve. */
final class Linear {

  private Linear() {}

  /** Adds noise of a standard deviation in place. */
  static INDArray addNoise(INDArray x, double deviation, Supplier<INDArray> noise) {
    try (INDArray draw = noise.get()) {
      return Elements.add(x, deviation, draw);
    }
  }

  /** Closes an array if it is not null. */
  static void close(@Nullable INDArray array) {
    if (array != null) {
      array.close();
    }
  }

  /** Solves {@code a x = b} by Gaussian elimination with pivoting; both are overwritten. */
  static double[] solve(double[][] a, double[] b) {
    int n = b.length;
    for (int k = 0; k < n; k++) {
      int pivot = k;
      for (int i = k + 1; i < n; i++) {
        pivot = Math.abs(a[i][k]) > Math.abs(a[pivot][k]) ? i : pivot;
      }
      double[] row = a[pivot];
      a[pivot] = a[k];
      a[k] = row;
      double value = b[pivot];
      b[pivot] = b[k];
      b[k] = value;
      for (int i = k + 1; i < n; i++) {
        double factor = a[i][k] / a[k][k];
        for (int j = k; j < n; j++) {
          a[i][j] -= factor * a[k][j];
        }
        b[i] -= factor * b[k];
      }
    }
    for (int k = n - 1; k >= 0; k--) {
      for (int j = k + 1; j < n; j++) {
        b[k] -= a[k][j] * b[j];
      }
      b[k] /= a[k][k];
    }
    return b;
  }
}
