package org.diffusion4j.plan;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A copy of a weight in the layout that oneDNN's operations want, remade when the weight changes.
 */
final class PackedWeight implements AutoCloseable {

  private final Desc desc;
  private final INDArray memory;
  private final Primitive reorder;
  private final Workspace workspace;
  private final Runnable pack;
  private long version = -1;

  /**
   * @param from how the weight lies in memory, and {@code address} where
   * @param to the layout that is wanted
   */
  PackedWeight(Desc from, long address, Desc to) {
    desc = to.copy();
    memory = Nd4j.createUninitialized(DataType.FLOAT, desc.floats());
    reorder = reorder("weight", from, desc);
    workspace = new Workspace(reorder.scratch());
    pack =
        reorder.bind(
            workspace,
            workspace.scratchAddress(),
            List.of(
                new Primitive.Argument(dnnl.DNNL_ARG_FROM, from, address),
                new Primitive.Argument(dnnl.DNNL_ARG_TO, desc, address())));
  }

  static Primitive reorder(String what, Desc from, Desc to) {
    return Primitive.of(
        "reorder of " + what,
        (pd, attributes) ->
            dnnl.dnnl_reorder_primitive_desc_create(
                pd, from.handle(), OneDnn.engine(), to.handle(), OneDnn.engine(), attributes));
  }

  Desc desc() {
    return desc;
  }

  long address() {
    return Address.of(memory);
  }

  boolean isOlderThan(long weightsVersion) {
    return version < weightsVersion;
  }

  void pack(long weightsVersion) {
    pack.run();
    version = weightsVersion;
  }

  long bytes() {
    return memory.length() * Float.BYTES;
  }

  @Override
  public void close() {
    workspace.close();
    reorder.close();
    memory.close();
    desc.close();
  }
}
