package org.diffusion4j.engine.cpu;

import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A frozen weight, read into the layout of a kernel; the only copy in memory. */
final class ReadWeight extends PackedWeight {

  private final FrozenLayout from;
  private @Nullable INDArray memory;

  /**
   * @param order the weight's dimension for each dimension of {@code to}
   */
  ReadWeight(Weights weights, Value weight, int[] order, Desc to) {
    super(weight.storage().weight(), to);
    from = new FrozenLayout(weights, weight, order);
  }

  private synchronized INDArray memory() {
    if (memory == null) {
      memory = Nd4j.createUninitialized(DataType.FLOAT, desc().floats());
    }
    return memory;
  }

  @Override
  public synchronized boolean isAllocated() {
    return memory != null;
  }

  @Override
  long address(long scratch) {
    return Address.of(memory());
  }

  @Override
  void pack() {
    from.read(desc(), address(0));
  }

  @Override
  public long bytes() {
    return desc().floats() * Float.BYTES;
  }

  @Override
  public synchronized void close() {
    if (memory != null) {
      memory.close();
    }
    super.close();
  }
}
