package org.diffusion4j;

import java.util.Arrays;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The numbers of PyTorch's {@code torch.randn} on the CPU: the Mersenne Twister (Matsumoto and
 * Nishimura 1998) and the transform of Box and Muller (1958), in the order in which PyTorch applies
 * them.
 */
final class TorchNoise implements NoiseSource.Run {

  private static final int BLOCK = 16;

  private final MersenneTwister twister;
  private double spare = Double.NaN;
  private boolean begun;

  TorchNoise(long seed) {
    twister = new MersenneTwister((int) seed);
  }

  @Override
  public NoiseSource.Batch batch(int first, int n) {
    if (!begun && first != 0) {
      throw new IllegalArgumentException(
          "first sample must be 0 with torch's noise, whose samples share one stream, but"
              + " was "
              + first);
    }
    begun = true;
    return this::next;
  }

  private INDArray next(long... shape) {
    for (long length : shape) {
      if (length < 1) {
        throw new IllegalArgumentException(
            "shape must be of positive lengths but was " + Arrays.toString(shape));
      }
    }
    long size = NativeMemory.product(shape);
    if (size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "shape must hold at most 2^31 - 1 numbers but was " + Arrays.toString(shape));
    }
    return Pieces.create(shape, BLOCK, size < BLOCK ? this::fillFew : this::fill);
  }

  private void fillFew(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) single();
    }
  }

  /**
   * Uniform numbers, transformed to normal ones in blocks of 16; the numbers of a partial last
   * block are drawn again.
   */
  private void fill(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = uniform24();
    }
    int i = 0;
    for (; i + BLOCK <= values.length; i += BLOCK) {
      transform(values, i);
    }
    if (i < values.length) {
      int last = values.length - BLOCK;
      for (int k = last; k < values.length; k++) {
        values[k] = uniform24();
      }
      transform(values, last);
    }
  }

  private static void transform(float[] values, int from) {
    for (int j = from; j < from + BLOCK / 2; j++) {
      double radius = Math.sqrt(-2 * StrictMath.log(1 - values[j]));
      double angle = 2 * Math.PI * values[j + BLOCK / 2];
      values[j] = (float) (radius * StrictMath.cos(angle));
      values[j + BLOCK / 2] = (float) (radius * StrictMath.sin(angle));
    }
  }

  /** PyTorch's method for fewer than 16 numbers: in double, two at a time. */
  private double single() {
    if (!Double.isNaN(spare)) {
      double value = spare;
      spare = Double.NaN;
      return value;
    }
    double angle = 2 * Math.PI * uniform53();
    double radius = Math.sqrt(-2 * StrictMath.log1p(-uniform53()));
    spare = radius * StrictMath.sin(angle);
    return radius * StrictMath.cos(angle);
  }

  private float uniform24() {
    return (twister.next() & 0xFFFFFF) * 0x1p-24f;
  }

  private double uniform53() {
    long high = twister.next() & 0xFFFFFFFFL;
    long low = twister.next() & 0xFFFFFFFFL;
    return ((high << 32 | low) & ((1L << 53) - 1)) * 0x1p-53;
  }
}
