package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A packed copy of a weight that is an array of the graph, packed again when it changes. */
final class OwnedWeight extends PackedWeight {

  private final Desc from;
  private final long fromAddress;
  private final Primitive reorder;
  private @Nullable Copy copy;

  /**
   * @param name of the weight
   * @param from the layout of the weight in memory at {@code address}; owned by this
   * @param to the layout of the copy
   */
  OwnedWeight(String name, Desc from, long address, Desc to) {
    super(name, to);
    this.from = from;
    fromAddress = address;
    reorder = Primitive.reorder(name, from, desc());
  }

  /** The memory, allocated on first use. */
  private final class Copy {

    final INDArray memory = Nd4j.createUninitialized(DataType.FLOAT, desc().floats());
    final CpuWorkspace workspace = new CpuWorkspace(reorder.scratch());
    final Runnable pack =
        reorder.bind(
            workspace,
            workspace.scratchAddress(),
            List.of(
                new Primitive.Argument(dnnl.DNNL_ARG_FROM, from, fromAddress),
                new Primitive.Argument(dnnl.DNNL_ARG_TO, desc(), Address.of(memory))));
  }

  private synchronized Copy copy() {
    if (copy == null) {
      copy = new Copy();
    }
    return copy;
  }

  @Override
  public synchronized boolean isAllocated() {
    return copy != null;
  }

  @Override
  long address(long scratch) {
    return Address.of(copy().memory);
  }

  @Override
  void pack() {
    copy().pack.run();
  }

  @Override
  public long bytes() {
    return desc().floats() * Float.BYTES;
  }

  @Override
  public synchronized void close() {
    if (copy != null) {
      copy.workspace.close();
      copy.memory.close();
    }
    reorder.close();
    from.close();
    super.close();
  }
}
