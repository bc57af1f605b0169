package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Numbers of 16 bits, two in a word, and their conversion to floats without a change of value.
 *
 * <p>In each piece of {@value #PIECE} values the low halves of the words are the first values and
 * the high halves the others, so that both are written in order.
 */
enum Halves {
  /** Sign, 5 bits of exponent, 10 of mantissa. */
  FLOAT16 {
    // The bits of a half, moved to those of a float, are the value times 2^-112, because the biases
    // of the exponents are 15 and 127. The products are exact, for subnormal numbers, too.
    @Override
    int half(float value) {
      int bits = Float.floatToRawIntBits(value * DOWN);
      return ((bits >>> 13) & 0x7fff) | ((bits >>> 16) & 0x8000);
    }

    @Override
    void low(int[] words, int[] bits, int n) {
      for (int i = 0; i < n; i++) {
        bits[i] = ((words[i] & 0x7fff) << 13) | ((words[i] & 0x8000) << 16);
      }
    }

    @Override
    void high(int[] words, int[] bits, int n) {
      for (int i = 0; i < n; i++) {
        bits[i] = ((words[i] >>> 3) & 0x0fffe000) | (words[i] & 0x80000000);
      }
    }

    @Override
    void finish(FloatBuffer values, float[] piece) {
      int n = values.remaining();
      values.get(values.position(), piece, 0, n);
      for (int i = 0; i < n; i++) {
        piece[i] *= UP;
      }
      values.put(values.position(), piece, 0, n);
    }
  },

  /** The upper half of a float. */
  BFLOAT16 {
    @Override
    int half(float value) {
      return Float.floatToRawIntBits(value) >>> 16;
    }

    @Override
    void low(int[] words, int[] bits, int n) {
      for (int i = 0; i < n; i++) {
        bits[i] = words[i] << 16;
      }
    }

    @Override
    void high(int[] words, int[] bits, int n) {
      for (int i = 0; i < n; i++) {
        bits[i] = words[i] & 0xffff0000;
      }
    }

    @Override
    void finish(FloatBuffer values, float[] piece) {}
  };

  private static final int PIECE = 4096;
  private static final float DOWN = 0x1p-112f;
  private static final float UP = 0x1p112f;

  /** Whether values of a type are halves. */
  static boolean has(DataType type) {
    return type == DataType.FLOAT16 || type == DataType.BFLOAT16;
  }

  static Halves of(DataType type) {
    return type == DataType.FLOAT16 ? FLOAT16 : BFLOAT16;
  }

  /** The number of words for values. */
  static long words(long values) {
    return (values + 1) / 2;
  }

  /** The 16 bits of a value that has no more. */
  abstract int half(float value);

  abstract void low(int[] words, int[] bits, int n);

  abstract void high(int[] words, int[] bits, int n);

  /** Completes a piece of values that {@link #low} and {@link #high} left. */
  abstract void finish(FloatBuffer values, float[] piece);

  /**
   * Narrows values.
   *
   * @param values finite ones that have only 16 bits
   * @return whether all were finite
   */
  final boolean narrow(FloatBuffer values, IntBuffer words) {
    float[] piece = new float[PIECE];
    int[] packed = new int[PIECE / 2];
    float largest = 0;
    for (int start = 0; start < values.limit(); start += PIECE) {
      int n = Math.min(PIECE, values.limit() - start);
      int low = (n + 1) / 2;
      values.get(start, piece, 0, n);
      for (int i = 0; i < low; i++) {
        int high = low + i < n ? half(piece[low + i]) : 0;
        packed[i] = half(piece[i]) | (high << 16);
      }
      for (int i = 0; i < n; i++) {
        largest = Math.max(largest, Math.abs(piece[i]));
      }
      words.put(start / 2, packed, 0, low);
    }
    return largest <= Float.MAX_VALUE;
  }

  /** Widens values. */
  final void widen(IntBuffer words, FloatBuffer values, IntBuffer sameAsBits) {
    float[] piece = new float[PIECE];
    int[] packed = new int[PIECE / 2];
    int[] bits = new int[PIECE / 2];
    for (int start = 0; start < values.limit(); start += PIECE) {
      int n = Math.min(PIECE, values.limit() - start);
      int low = (n + 1) / 2;
      words.get(start / 2, packed, 0, low);
      low(packed, bits, low);
      sameAsBits.put(start, bits, 0, low);
      high(packed, bits, n - low);
      sameAsBits.put(start + low, bits, 0, n - low);
      finish(values.slice(start, n), piece);
    }
  }
}
