package org.diffusion4j.engine.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Loops over lists of arrays that are divided among all workers. Arrays must be FLOAT and in C
 * order.
 */
public final class WeightLoops {

  private static final int CHUNK = 4096;

  private WeightLoops() {}

  /**
   * Processes a piece of each list: the first {@code n} values of {@code pieces}, which has one
   * array per list.
   */
  public interface Loop {
    double run(float[][] pieces, int n);
  }

  /** A piece of the arrays at one index of all lists. */
  private record Piece(int array, long start, int length) {}

  /**
   * Runs a loop.
   *
   * @param written lists whose pieces are written back
   * @param read lists whose pieces are not written back; all lists have the same lengths
   * @return the sum of the loop's results
   */
  public static double run(List<List<INDArray>> written, List<List<INDArray>> read, Loop loop) {
    List<List<INDArray>> all = new ArrayList<>(written);
    all.addAll(read);
    List<Piece> pieces = pieces(all);
    return Workers.shared()
        .divide(pieces.size(), (first, end) -> part(all, written.size(), pieces, first, end, loop));
  }

  private static List<Piece> pieces(List<List<INDArray>> lists) {
    List<Piece> pieces = new ArrayList<>();
    List<INDArray> model = lists.get(0);
    for (int i = 0; i < model.size(); i++) {
      long length = model.get(i).length();
      for (List<INDArray> list : lists) {
        requireFloats(list.get(i), length);
      }
      for (long start = 0; start < length; start += CHUNK) {
        pieces.add(new Piece(i, start, (int) Math.min(CHUNK, length - start)));
      }
    }
    return pieces;
  }

  private static void requireFloats(INDArray array, long length) {
    if (array.dataType() != DataType.FLOAT || array.length() != length || !Address.isPlain(array)) {
      throw new IllegalArgumentException(
          "array must be FLOAT, of length "
              + length
              + " and in C order but was "
              + array.dataType()
              + " "
              + Arrays.toString(array.shape())
              + " with strides "
              + Arrays.toString(array.stride()));
    }
  }

  private static double part(
      List<List<INDArray>> lists, int written, List<Piece> pieces, int first, int end, Loop loop) {
    float[][] values = new float[lists.size()][CHUNK];
    FloatBuffer[] buffers = new FloatBuffer[lists.size()];
    double sum = 0;
    for (Piece piece : pieces.subList(first, end)) {
      for (int i = 0; i < buffers.length; i++) {
        long address = Address.of(lists.get(i).get(piece.array));
        buffers[i] = Address.floats(address + piece.start * Float.BYTES, piece.length);
        buffers[i].get(0, values[i], 0, piece.length);
      }
      sum += loop.run(values, piece.length);
      for (int i = 0; i < written; i++) {
        buffers[i].put(0, values[i], 0, piece.length);
      }
    }
    return sum;
  }

  /** The sum of all squares. It is finite if and only if every value is. */
  public static double sumOfSquares(List<INDArray> arrays) {
    return run(List.of(), List.of(arrays), (pieces, n) -> sumOfSquares(pieces[0], n));
  }

  private static double sumOfSquares(float[] a, int n) {
    // Four independent sums, because each addition waits for the previous one.
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 3 < n; i += 4) {
      s0 += (double) a[i] * a[i];
      s1 += (double) a[i + 1] * a[i + 1];
      s2 += (double) a[i + 2] * a[i + 2];
      s3 += (double) a[i + 3] * a[i + 3];
    }
    for (; i < n; i++) {
      s0 += (double) a[i] * a[i];
    }
    return s0 + s1 + s2 + s3;
  }

  /** A checksum of the bits of all values, in their order. */
  public static String checksum(List<INDArray> arrays) {
    CRC32C sum = new CRC32C();
    ByteBuffer bytes = ByteBuffer.allocate(CHUNK * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (Piece piece : pieces(List.of(arrays))) {
      long address = Address.of(arrays.get(piece.array)) + piece.start * Float.BYTES;
      bytes.clear().limit(piece.length * Float.BYTES);
      bytes.asFloatBuffer().put(Address.floats(address, piece.length));
      sum.update(bytes);
    }
    return Long.toHexString(sum.getValue());
  }

  /** {@code to = from}. */
  public static void copy(List<INDArray> from, List<INDArray> to) {
    run(
        List.of(to),
        List.of(from),
        (pieces, n) -> {
          System.arraycopy(pieces[1], 0, pieces[0], 0, n);
          return 0;
        });
  }

  /** {@code arrays *= factor}. */
  public static void scale(List<INDArray> arrays, float factor) {
    run(
        List.of(arrays),
        List.of(),
        (pieces, n) -> {
          float[] a = pieces[0];
          for (int i = 0; i < n; i++) {
            a[i] *= factor;
          }
          return 0;
        });
  }

  /** {@code sum += terms}, in their order. */
  public static void add(INDArray sum, List<INDArray> terms) {
    if (!terms.isEmpty()) {
      run(
          List.of(List.of(sum)),
          terms.stream().map(List::of).toList(),
          (pieces, n) -> {
            for (int i = 1; i < pieces.length; i++) {
              for (int k = 0; k < n; k++) {
                pieces[0][k] += pieces[i][k];
              }
            }
            return 0;
          });
    }
  }
}
