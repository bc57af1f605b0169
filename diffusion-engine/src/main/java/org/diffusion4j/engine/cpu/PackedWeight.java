package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.graph.WeightCopy;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A copy of a weight in oneDNN's layout, updated when the weight changes. */
final class PackedWeight implements WeightCopy, AutoCloseable {

  private final Desc desc;
  private final Desc from;
  private final long fromAddress;
  private final Primitive reorder;
  private @Nullable Copy copy;
  private volatile long version = -1;

  /**
   * @param from the layout of the weight in memory at {@code address}
   * @param to the layout of the copy
   */
  PackedWeight(Desc from, long address, Desc to) {
    this.from = from.copy();
    fromAddress = address;
    desc = to.copy();
    reorder = Primitive.reorder("weight", from, desc);
  }

  /** The memory, allocated on first use. */
  private final class Copy {

    final INDArray memory = Nd4j.createUninitialized(DataType.FLOAT, desc.floats());
    final CpuWorkspace workspace = new CpuWorkspace(reorder.scratch());
    final Runnable pack =
        reorder.bind(
            workspace,
            workspace.scratchAddress(),
            List.of(
                new Primitive.Argument(dnnl.DNNL_ARG_FROM, from, fromAddress),
                new Primitive.Argument(dnnl.DNNL_ARG_TO, desc, Address.of(memory))));
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

  Desc desc() {
    return desc;
  }

  /** The kernel's argument for the weight. */
  Primitive.Argument argument() {
    return new Primitive.Argument(dnnl.DNNL_ARG_WEIGHTS, desc, Address.of(copy().memory));
  }

  @Override
  public boolean isOlderThan(long weightsVersion) {
    return version < weightsVersion;
  }

  @Override
  public void update(long weightsVersion) {
    copy().pack.run();
    version = weightsVersion;
  }

  @Override
  public long bytes() {
    return desc.floats() * Float.BYTES;
  }

  @Override
  public synchronized void close() {
    if (copy != null) {
      copy.workspace.close();
      copy.memory.close();
    }
    reorder.close();
    from.close();
    desc.close();
  }
}
