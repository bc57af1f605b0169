package org.diffusion4j;

import java.util.Arrays;
import org.diffusion4j.internal.common.Backend;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Creates arrays of numbers that are drawn in order, in pieces, so that only one piece is on the
 * heap.
 */
final class Pieces {

  /** Numbers in a piece: 4 MB. */
  static final int LENGTH = 1 << 20;

  /** Arrays with fewer bytes are created without checking the available memory. */
  private static final long SMALL = 16L << 20;

  @FunctionalInterface
  interface Draw {

    /** Fills the array with the next numbers. */
    void fill(float[] piece);
  }

  private Pieces() {}

  /**
   * A new array.
   *
   * @param least minimum length of a piece, unless the array is shorter; at most {@link #LENGTH}
   * @throws IllegalStateException if there is too little memory
   */
  static INDArray create(long[] shape, int least, Draw draw) {
    Backend.start();
    long size = NativeMemory.product(shape);
    require("an array " + Arrays.toString(shape), size);
    return Detached.get(() -> create(shape, size, least, draw));
  }

  private static INDArray create(long[] shape, long size, int least, Draw draw) {
    if (size <= LENGTH) {
      float[] values = new float[(int) size];
      draw.fill(values);
      return Nd4j.create(values, shape, 'c');
    }
    INDArray array = Nd4j.createUninitialized(DataType.FLOAT, shape);
    INDArray line = array.reshape('c', new long[] {size});
    boolean done = false;
    try {
      long from = 0;
      while (from < size) {
        long left = size - from;
        float[] piece = new float[(int) (left < LENGTH + least ? left : LENGTH)];
        draw.fill(piece);
        try (INDArray values = Nd4j.create(piece, new long[] {piece.length}, 'c')) {
          line.get(NDArrayIndex.interval(from, from + piece.length)).assign(values);
        }
        from += piece.length;
      }
      done = true;
      return array;
    } finally {
      if (!done) {
        array.close();
      }
    }
  }

  /** Checks that there is memory for a number of floats. */
  static void require(String what, long numbers) {
    long bytes = NativeMemory.product(numbers, Float.BYTES);
    if (bytes > SMALL) {
      NativeMemory.require(what, bytes);
    }
  }
}
