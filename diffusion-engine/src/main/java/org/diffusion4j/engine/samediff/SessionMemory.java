package org.diffusion4j.engine.samediff;

import java.util.Arrays;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.autodiff.samediff.internal.memory.ArrayCacheMemoryMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;

/**
 * The memory manager of SameDiff's session. A session's memory is unknown in advance, so each large
 * array is checked before its allocation.
 */
final class SessionMemory extends ArrayCacheMemoryMgr {

  private static final long LEAST_CHECKED_BYTES = 1 << 22;

  @Override
  public INDArray allocate(boolean detached, DataType type, long... shape) {
    require(type, shape);
    return super.allocate(detached, type, shape);
  }

  @Override
  public INDArray allocate(boolean detached, LongShapeDescriptor descriptor) {
    require(descriptor.dataType(), descriptor.getShape());
    return super.allocate(detached, descriptor);
  }

  private static void require(DataType type, long... shape) {
    long bytes = NativeMemory.product(type.width(), NativeMemory.product(shape));
    if (bytes >= LEAST_CHECKED_BYTES) {
      NativeMemory.require("an array " + Arrays.toString(shape) + " of SameDiff's session", bytes);
    }
  }
}
