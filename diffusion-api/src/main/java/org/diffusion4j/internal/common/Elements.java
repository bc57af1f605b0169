package org.diffusion4j.internal.common;

import java.lang.ref.Reference;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Arithmetic on arrays in plain loops. Each of ND4J's operations makes several small native
 * objects, such as scalars and contexts, which only the garbage collector frees: too late for a
 * service that samples without end. These loops make none and give the same bits. They run on FLOAT
 * arrays in C order on the CPU; ND4J computes the rest.
 */
public final class Elements {

  private static final int CHUNK = 8192;

  /** Values that one buffer covers, whose size in bytes must be an int. */
  private static final long MOST_BUFFERED = 1L << 28;

  private Elements() {}

  /** Processes the first {@code n} values of the piece of each array. */
  private interface Loop {
    void run(float[][] pieces, int n);
  }

  /** The new array {@code a x + b y}. */
  public static INDArray combine(double a, INDArray x, double b, INDArray y) {
    if (!isPlain(x) || !isPlain(y)) {
      return add(x.mul(a), b, y);
    }
    INDArray result = Nd4j.createUninitialized(DataType.FLOAT, x.shape(), 'c');
    float ofX = (float) a;
    float ofY = (float) b;
    run(
        true,
        (pieces, n) -> {
          for (int i = 0; i < n; i++) {
            pieces[0][i] = ofX * pieces[1][i] + ofY * pieces[2][i];
          }
        },
        result,
        x,
        y);
    return result;
  }

  /** The new array {@code c x}. */
  public static INDArray times(double c, INDArray x) {
    if (!isPlain(x)) {
      return x.mul(c);
    }
    INDArray result = Nd4j.createUninitialized(DataType.FLOAT, x.shape(), 'c');
    float factor = (float) c;
    run(
        true,
        (pieces, n) -> {
          for (int i = 0; i < n; i++) {
            pieces[0][i] = factor * pieces[1][i];
          }
        },
        result,
        x);
    return result;
  }

  /** Adds {@code c y} to {@code x} in place, and returns {@code x}. */
  public static INDArray add(INDArray x, double c, INDArray y) {
    if (!isPlain(x) || !isPlain(y)) {
      try (INDArray scaled = y.mul(c)) {
        return x.addi(scaled);
      }
    }
    float factor = (float) c;
    run(
        true,
        (pieces, n) -> {
          for (int i = 0; i < n; i++) {
            pieces[0][i] += factor * pieces[1][i];
          }
        },
        x,
        y);
    return x;
  }

  /**
   * Replaces a share of {@code x} by that of {@code a y + b z}, in place; the mask has the shares.
   */
  public static void blend(INDArray x, INDArray mask, double a, INDArray y, double b, INDArray z) {
    if (!isPlain(x) || !isPlain(mask) || !isPlain(y) || !isPlain(z)) {
      try (INDArray other = combine(a, y, b, z);
          INDArray rest = mask.rsub(1)) {
        x.muli(rest).addi(other.muli(mask));
      }
      return;
    }
    float ofY = (float) a;
    float ofZ = (float) b;
    run(
        true,
        (pieces, n) -> {
          for (int i = 0; i < n; i++) {
            float share = pieces[1][i];
            float other = ofY * pieces[2][i] + ofZ * pieces[3][i];
            pieces[0][i] = share * other + (1 - share) * pieces[0][i];
          }
        },
        x,
        mask,
        y,
        z);
  }

  /** Divides by a number in place. */
  public static void divide(INDArray x, double divisor) {
    if (!isPlain(x)) {
      x.divi(divisor);
      return;
    }
    float by = (float) divisor;
    run(
        true,
        (pieces, n) -> {
          for (int i = 0; i < n; i++) {
            pieces[0][i] /= by;
          }
        },
        x);
  }

  /** A new array of the values of {@code x} and behind them the same again, {@code [2 n, ...]}. */
  public static INDArray twice(INDArray x) {
    if (!isPlain(x)) {
      return Nd4j.concat(0, x, x);
    }
    long[] shape = x.shape().clone();
    shape[0] *= 2;
    INDArray result = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
    Values to = new Values(result, 0);
    Values from = new Values(x, 0);
    long bytes = x.length() * Float.BYTES;
    Pointer.memcpy(to, from, bytes);
    Pointer.memcpy(new Values(result, x.length()), from, bytes);
    Reference.reachabilityFence(x);
    Reference.reachabilityFence(result);
    return result;
  }

  /** Replaces values outside of [-range, range] by the nearest end, in place. */
  public static void clamp(INDArray x, double range) {
    if (!isPlain(x)) {
      Transforms.max(x, -range, false);
      Transforms.min(x, range, false);
      return;
    }
    float high = (float) range;
    run(
        true,
        (pieces, n) -> {
          float[] values = pieces[0];
          for (int i = 0; i < n; i++) {
            float raised = values[i] > -high ? values[i] : -high;
            values[i] = raised < high ? raised : high;
          }
        },
        x);
  }

  /** The index of the first value in C order that is infinite or NaN, or -1. */
  public static long firstNotFinite(INDArray x) {
    if (!isPlain(x)) {
      // The sum of finite values may be infinite.
      if (Double.isFinite(x.sumNumber().doubleValue())) {
        return -1;
      }
      try (INDArray copy = x.dup('c')) {
        for (long i = 0; i < copy.length(); i++) {
          if (!Double.isFinite(copy.getDouble(i))) {
            return i;
          }
        }
      }
      return -1;
    }
    long[] found = {-1};
    long[] seen = {0};
    run(
        false,
        (pieces, n) -> {
          for (int i = 0; found[0] < 0 && i < n; i++) {
            if (!Float.isFinite(pieces[0][i])) {
              found[0] = seen[0] + i;
            }
          }
          seen[0] += n;
        },
        x);
    return found[0];
  }

  /**
   * Runs a loop over arrays of the same shape.
   *
   * @param writes whether the pieces of the first array are written back
   */
  private static void run(boolean writes, Loop loop, INDArray... arrays) {
    long length = arrays[0].length();
    float[][] pieces = new float[arrays.length][(int) Math.min(CHUNK, length)];
    for (long start = 0; start < length; start += MOST_BUFFERED) {
      FloatBuffer[] buffers = new FloatBuffer[arrays.length];
      int size = (int) Math.min(MOST_BUFFERED, length - start);
      for (int k = 0; k < arrays.length; k++) {
        buffers[k] = new Values(arrays[k], start).capacity(size).asBuffer();
      }
      for (int at = 0; at < size; at += CHUNK) {
        int n = Math.min(CHUNK, size - at);
        for (int k = 0; k < arrays.length; k++) {
          buffers[k].get(at, pieces[k], 0, n);
        }
        loop.run(pieces, n);
        if (writes) {
          buffers[0].put(at, pieces[0], 0, n);
        }
      }
    }
    Reference.reachabilityFence(arrays);
  }

  /** The values of an array from one on; the array owns the memory. */
  private static final class Values extends FloatPointer {

    Values(INDArray array, long first) {
      super((Pointer) null);
      address = array.data().addressPointer().address() + first * Float.BYTES;
    }
  }

  /** Whether an array is FLOAT, contiguous, in C order and in the memory of the CPU. */
  private static boolean isPlain(INDArray array) {
    if (array.dataType() != DataType.FLOAT
        || !array.data().getClass().getName().startsWith("org.nd4j.linalg.cpu.")) {
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
