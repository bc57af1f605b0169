package org.diffusion4j.samplers;

import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Linear combinations of arrays. */
final class Linear {

  private Linear() {}

  /** The new array {@code a x + b y}. */
  static INDArray combine(double a, INDArray x, double b, INDArray y) {
    INDArray result = x.mul(a);
    try (INDArray scaled = y.mul(b)) {
      return result.addi(scaled);
    }
  }

  /** Adds noise of a standard deviation in place. */
  static void addNoise(INDArray x, double deviation, Supplier<INDArray> noise) {
    try (INDArray draw = noise.get()) {
      x.addi(draw.muli(deviation));
    }
  }
}
