package org.diffusion4j.training;

import org.diffusion4j.engine.cpu.Address;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The values of arrays as floats. */
final class Floats {

  private Floats() {}

  static float[] of(int[] array) {
    float[] values = new float[array.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = array[i];
    }
    return values;
  }

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
