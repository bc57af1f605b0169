package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Linear combinations of arrays. */
final class Linear {

  private Linear() {}

  /** The new array {@code a x + b y}. */
  static INDArray combine(double a, INDArray x, double b, INDArray y) {
    INDArray result = x.mul(a);
    INDArray scaled = y.mul(b);
    result.addi(scaled);
    scaled.close();
    return result;
  }
}
