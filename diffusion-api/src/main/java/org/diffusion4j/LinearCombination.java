package org.diffusion4j;

import java.util.Arrays;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Linear combinations of arrays. */
final class LinearCombination {

  private LinearCombination() {}

  /** The new array {@code a x + b y}. */
  static INDArray of(double a, INDArray x, double b, INDArray y) {
    requireSameShape(x, y);
    return Detached.get(() -> Elements.combine(a, x, b, y));
  }

  static void requireSameShape(INDArray x, INDArray y) {
    if (!x.isR() || !y.isR()) {
      throw new IllegalArgumentException(
          "arrays must be of floating-point type but were " + describe(x) + " and " + describe(y));
    }
    if (!Arrays.equals(x.shape(), y.shape())) {
      throw new IllegalArgumentException(
          "arrays must have the same shape but were " + describe(x) + " and " + describe(y));
    }
  }

  private static String describe(INDArray array) {
    return array.dataType() + " " + Arrays.toString(array.shape());
  }
}
