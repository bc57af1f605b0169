package org.diffusion4j.autoencoder;

import java.util.Arrays;
import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Arrays of images and latents, and their values. */
final class FloatArrays {

  private FloatArrays() {}

  /** A copy of the values, in C order. */
  static float[] of(INDArray array) {
    try (INDArray copy = Detached.get(() -> array.dup('c'))) {
      return copy.data().asFloat();
    }
  }

  /** A new array in C order. */
  static INDArray array(float[] values, long... shape) {
    return Detached.get(() -> Nd4j.create(values, shape, 'c'));
  }

  /**
   * Checks the type, the channels and the least size.
   *
   * @param what the concept, for the message
   * @param least number of rows and columns
   */
  static void require(String what, INDArray array, long channels, long least) {
    boolean fits =
        array.dataType() == DataType.FLOAT
            && array.rank() == 4
            && array.size(0) > 0
            && array.size(1) == channels
            && array.size(2) >= least
            && array.size(3) >= least;
    if (!fits) {
      throw new IllegalArgumentException(
          what
              + " must be FLOAT [n, "
              + channels
              + ", height, width] of at least "
              + least
              + " x "
              + least
              + " but were "
              + array.dataType()
              + " "
              + Arrays.toString(array.shape()));
    }
  }

  /** Checks the type and the shape. */
  static void requireShape(String what, INDArray array, long... shape) {
    if (array.dataType() != DataType.FLOAT || !Arrays.equals(array.shape(), shape)) {
      throw new IllegalArgumentException(
          what
              + " must be FLOAT "
              + Arrays.toString(shape)
              + " but was "
              + array.dataType()
              + " "
              + Arrays.toString(array.shape()));
    }
  }
}
