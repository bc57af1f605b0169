package org.diffusion4j.plan;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.internal.Address;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A copy of a weight in the layout that oneDNN's operations want, remade when the weight changes.
 */
final class PackedWeight implements AutoCloseable {

  private final Desc desc;
  private final Desc from;
  private final long fromAddress;
  private final Primitive reorder;
  private @Nullable Copy copy;
  private volatile long version = -1;
  private int readers;
  private boolean beingWritten;

  /**
   * @param from how the weight lies in memory, and {@code address} where
   * @param to the layout that is wanted
   */
  PackedWeight(Desc from, long address, Desc to) {
    this.from = from.copy();
    fromAddress = address;
    desc = to.copy();
    reorder = reorder("weight", from, desc);
  }

  static Primitive reorder(String what, Desc from, Desc to) {
    return Primitive.of(
        "reorder of " + what,
        (pd, attributes) ->
            dnnl.dnnl_reorder_primitive_desc_create(
                pd, from.handle(), OneDnn.engine(), to.handle(), OneDnn.engine(), attributes));
  }

  /** The memory, allocated at the first use. */
  private final class Copy {

    final INDArray memory = Nd4j.createUninitialized(DataType.FLOAT, desc.floats());
    final Workspace workspace = new Workspace(reorder.scratch());
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

  synchronized boolean isAllocated() {
    return copy != null;
  }

  Desc desc() {
    return desc;
  }

  long address() {
    return Address.of(copy().memory);
  }

  boolean isOlderThan(long weightsVersion) {
    return version < weightsVersion;
  }

  // The next five belong to Packing, under its lock.

  int readers() {
    return readers;
  }

  void addReader() {
    readers++;
  }

  void removeReader() {
    readers--;
  }

  boolean isBeingWritten() {
    return beingWritten;
  }

  void beingWritten(boolean now) {
    beingWritten = now;
  }

  void pack(long weightsVersion) {
    copy().pack.run();
    version = weightsVersion;
  }

  /** The memory that it takes once it is allocated. */
  long bytes() {
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
