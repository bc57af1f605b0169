package org.diffusion4j.benchmarks;

import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.BlockRealMatrix;
import org.apache.commons.math3.linear.EigenDecomposition;
import org.apache.commons.math3.linear.RealMatrix;

/**
 * The Fréchet distance between samples and a reference, both approximated by Gaussians in the
 * leading principal components of the reference: {@code |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))}
 * (Dowson and Landau 1982, equation 4; Heusel et al. 2017 use it on the features of a network).
 */
final class PcaFrechet {

  private static final int COMPONENTS = 32;

  private final double[] origin;
  private final RealMatrix basis;
  private final double[] variances;

  /**
   * The distance to a reference.
   *
   * @param reference at least two samples, one per row
   */
  PcaFrechet(double[][] reference) {
    origin = mean(reference);
    EigenDecomposition principal = new EigenDecomposition(covariance(centred(reference, origin)));
    int count = Math.min(COMPONENTS, origin.length);
    basis = principal.getV().getSubMatrix(0, origin.length - 1, 0, count - 1);
    variances = new double[count];
    for (int i = 0; i < count; i++) {
      variances[i] = Math.max(0, principal.getRealEigenvalue(i));
    }
  }

  /**
   * The distance of samples.
   *
   * @param samples at least two, one per row
   */
  double of(double[][] samples) {
    double[][] scores = centred(samples, origin).multiply(basis).getData();
    double[] mean = mean(scores);
    RealMatrix covariance = covariance(centred(scores, mean));
    int k = variances.length;
    RealMatrix product = new Array2DRowRealMatrix(k, k);
    for (int i = 0; i < k; i++) {
      for (int j = 0; j < k; j++) {
        // C is diagonal here; C^(1/2) C' C^(1/2) is symmetric and has the eigenvalues of C C'.
        product.setEntry(
            i, j, Math.sqrt(variances[i]) * covariance.getEntry(i, j) * Math.sqrt(variances[j]));
      }
    }
    double distance = 0;
    for (int i = 0; i < k; i++) {
      distance += mean[i] * mean[i] + variances[i] + covariance.getEntry(i, i);
    }
    for (double eigenvalue : new EigenDecomposition(symmetric(product)).getRealEigenvalues()) {
      distance -= 2 * Math.sqrt(Math.max(0, eigenvalue));
    }
    return distance;
  }

  private static double[] mean(double[][] rows) {
    double[] mean = new double[rows[0].length];
    for (double[] row : rows) {
      for (int j = 0; j < mean.length; j++) {
        mean[j] += row[j] / rows.length;
      }
    }
    return mean;
  }

  private static RealMatrix centred(double[][] rows, double[] mean) {
    RealMatrix centred = new BlockRealMatrix(rows.length, mean.length);
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < mean.length; j++) {
        centred.setEntry(i, j, rows[i][j] - mean[j]);
      }
    }
    return centred;
  }

  private static RealMatrix covariance(RealMatrix centred) {
    return symmetric(
        centred
            .transpose()
            .multiply(centred)
            .scalarMultiply(1.0 / (centred.getRowDimension() - 1)));
  }

  /**
   * Makes a matrix exactly symmetric, because rounding errors would select another decomposition.
   */
  private static RealMatrix symmetric(RealMatrix matrix) {
    return matrix.add(matrix.transpose()).scalarMultiply(0.5);
  }
}
