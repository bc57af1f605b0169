package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** An address in native memory that is owned elsewhere. */
public final class Address extends FloatPointer {

  private static final int PAGE_FLOATS = 4096 / Float.BYTES;

  private Address(long address) {
    super((Pointer) null);
    this.address = address;
  }

  /** A pointer to an address. */
  public static Pointer of(long address) {
    return new Address(address);
  }

  /** The floats starting at an address. */
  public static FloatBuffer floats(long address, long count) {
    return new Address(address).capacity(count).asBuffer();
  }

  /** The integers starting at an address. */
  public static IntBuffer ints(long address, long count) {
    return new IntPointer(new Address(address)).capacity(count).asBuffer();
  }

  /** The long integers from an address on. */
  public static LongBuffer longs(long address, long count) {
    return new LongPointer(new Address(address)).capacity(count).asBuffer();
  }

  /** The address of the first value of an array in C order. */
  public static long of(INDArray array) {
    return array.data().addressPointer().address();
  }

  /**
   * Writes to each page of an array of floats, which overwrites its values. The system counts
   * memory only after it is written to.
   */
  public static void touch(INDArray array) {
    FloatPointer floats = new Address(of(array));
    for (long i = 0; i < array.length(); i += PAGE_FLOATS) {
      floats.put(i, 0);
    }
  }

  /** Whether an array is contiguous and in C order. */
  public static boolean isPlain(INDArray array) {
    return array.length() == 1
        || Arrays.equals(array.stride(), Nd4j.getStrides(array.shape(), 'c'));
  }

  /** A part of an array, starting at a value, in C order. */
  public static INDArray view(INDArray base, long offset, long... shape) {
    return Nd4j.create(
        Nd4j.createBuffer(base.data(), offset, ArrayUtil.prodLong(shape)),
        shape,
        Nd4j.getStrides(shape, 'c'),
        0,
        'c');
  }
}
