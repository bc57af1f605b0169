package org.diffusion4j.training;

import org.diffusion4j.internal.Address;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The values of arrays. */
final class Floats {

  private Floats() {}

  /** A copy of the values of a FLOAT array, in C order. */
  static float[] of(INDArray array) {
    if (array.dataType() != DataType.FLOAT) {
      throw new IllegalArgumentException("arrays must be FLOAT but one was " + array.dataType());
    }
    if (!Address.isPlain(array)) {
      try (INDArray copy = array.dup('c')) {
        return of(copy);
      }
    }
    float[] values = new float[Math.toIntExact(array.length())];
    Address.floats(Address.of(array), values.length).get(values);
    return values;
  }
}
