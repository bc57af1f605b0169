package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A place in native memory, which belongs to something else. */
final class Address extends FloatPointer {

  private Address(long address) {
    super((Pointer) null);
    this.address = address;
  }

  static Pointer of(long address) {
    return new Address(address);
  }

  /** The floats from an address on. */
  static FloatBuffer floats(long address, long count) {
    return new Address(address).capacity(count).asBuffer();
  }

  /** Where the first value of an array in C order lies. */
  static long of(INDArray array) {
    return array.data().addressPointer().address();
  }
}
