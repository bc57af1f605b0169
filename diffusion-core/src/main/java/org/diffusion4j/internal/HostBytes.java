package org.diffusion4j.internal;

import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Access to the elements of an array as bytes in host memory, in pieces and without a copy. */
public final class HostBytes {

  private static final int CHUNK = 1 << 24;

  private HostBytes() {}

  /** Writes or reads the bytes of a piece. */
  @FunctionalInterface
  public interface Piece {
    /**
     * @param bytes the bytes of the piece in native byte order; valid only during the call
     * @param start offset of the piece from the array's first byte
     */
    void at(ByteBuffer bytes, long start) throws IOException;
  }

  /** Fills a new array in C order. */
  public static void fill(INDArray array, Piece piece) throws IOException {
    forEach(array, piece);
    Nd4j.getAffinityManager().tagLocation(array, AffinityManager.Location.HOST);
  }

  /** Reads the elements of an array of any order and strides in C order. */
  public static void take(INDArray array, Piece piece) throws IOException {
    if (array.isEmpty()) {
      return;
    }
    INDArray rowMajor = isRowMajor(array) ? array : array.dup('c');
    try {
      Nd4j.getAffinityManager().ensureLocation(rowMajor, AffinityManager.Location.HOST);
      forEach(rowMajor, piece);
    } finally {
      if (rowMajor != array) {
        rowMajor.close();
      }
    }
  }

  /**
   * The bytes of an array that {@linkplain #isRowMajor is row-major}, without a copy, in native
   * byte order. They are valid while the array is reachable and open.
   *
   * @throws IllegalArgumentException if there are 2 GiB or more
   */
  public static ByteBuffer view(INDArray array) {
    long length = array.length() * array.dataType().width();
    if (length > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("array must have less than 2 GiB but had " + length);
    }
    Nd4j.getAffinityManager().ensureLocation(array, AffinityManager.Location.HOST);
    BytePointer start = new BytePointer(array.data().pointer());
    return start.capacity(length).asByteBuffer().order(ByteOrder.nativeOrder());
  }

  private static void forEach(INDArray array, Piece piece) throws IOException {
    BytePointer start = new BytePointer(array.data().pointer());
    long length = array.length() * array.dataType().width();
    try {
      for (long at = 0; at < length; at += CHUNK) {
        long size = Math.min(length - at, CHUNK);
        ByteBuffer bytes = start.getPointer(at).capacity(size).asByteBuffer();
        piece.at(bytes.order(ByteOrder.nativeOrder()), at);
      }
    } finally {
      Reference.reachabilityFence(array);
    }
  }

  /** Whether the elements are in C order from the start of the array's buffer. */
  public static boolean isRowMajor(INDArray array) {
    if (array.offset() != 0) {
      return false;
    }
    long stride = 1;
    for (int d = array.rank() - 1; d >= 0; d--) {
      if (array.size(d) != 1 && array.stride(d) != stride) {
        return false;
      }
      stride *= array.size(d);
    }
    return true;
  }
}
