package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Arrays out of numbers and numbers out of arrays. */
final class Values {

  private Values() {}

  /** In the order of their indices, whatever the array's layout. */
  static float[] of(INDArray array) {
    if (array.ordering() == 'c' && !array.isView() && array.data().length() == array.length()) {
      return array.data().asFloat();
    }
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /** A batch of one number a sample. */
  static INDArray column(float... values) {
    return Nd4j.create(values.clone(), new long[] {values.length, 1}, 'c');
  }

  /** Standard normal numbers, the same for a seed. */
  static INDArray normal(long seed, long... shape) {
    return NoiseSource.perSample(seed).start().batch(0, (int) shape[0]).next(shape);
  }

  /** Noise whose k-th draw of every batch holds only the k-th number; no more draws than these. */
  static NoiseSource draws(float... values) {
    return () ->
        (first, n) -> {
          int[] next = {0};
          return shape -> Nd4j.zeros(DataType.FLOAT, shape).addi(values[next[0]++]);
        };
  }
}
