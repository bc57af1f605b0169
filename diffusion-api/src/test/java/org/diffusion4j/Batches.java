package org.diffusion4j;

import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Batches to test with. */
final class Batches {

  private Batches() {}

  /** Standard normal values, the same for a seed. */
  static INDArray normal(long seed, DataType type, long... shape) {
    Random random = new Random(seed);
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    double[] values = random.doubles(length).map(u -> random.nextGaussian()).toArray();
    return Nd4j.create(values, shape, DataType.DOUBLE).castTo(type);
  }

  /** A batch of one feature, in double. */
  static INDArray column(double... values) {
    return Nd4j.create(values.clone(), new long[] {values.length, 1}, DataType.DOUBLE);
  }

  /** The values in the order of their indices, whatever the array's layout. */
  static double[] values(INDArray array) {
    return array.dup('c').data().asDouble();
  }
}
