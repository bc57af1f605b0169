package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Reads a frozen weight from the layout of its source into that of a kernel.
 *
 * @param weight the weight, or a view of it in C order
 * @param order the dimension of {@code weight} for each of the kernel's dimensions
 */
@SuppressWarnings("ArrayRecordComponent")
record FrozenLayout(Weights weights, Value weight, int[] order) {

  /** Reads the weight. */
  void read(Desc to, long address) {
    weights.read(weight.storage().weight(), values -> write(values, to, address));
  }

  private void write(INDArray values, Desc to, long address) {
    long[] strides = strides(values.shape(), values.stride(), weight.shape());
    if (strides.length > 0) {
      reorder(values, strides, to, address);
    } else {
      try (INDArray plain = values.dup('c')) {
        reorder(plain, weight.strides(), to, address);
      }
    }
  }

  private void reorder(INDArray values, long[] strides, Desc to, long address) {
    long[] shape = weight.shape();
    long[] dims = Arrays.stream(order).mapToLong(d -> shape[d]).toArray();
    long[] ordered = Arrays.stream(order).mapToLong(d -> strides[d]).toArray();
    try (Desc from = Desc.strided(dims, ordered);
        Primitive reorder = Primitive.reorder(weight.name(), from, to);
        CpuWorkspace workspace = new CpuWorkspace(reorder.scratch())) {
      reorder
          .bind(
              workspace,
              workspace.scratchAddress(),
              List.of(
                  new Primitive.Argument(dnnl.DNNL_ARG_FROM, from, Address.of(values)),
                  new Primitive.Argument(dnnl.DNNL_ARG_TO, to, address)))
          .run();
    }
  }

  /**
   * The strides of values seen in another shape that differs only by dimensions of size 1; empty if
   * it differs otherwise.
   */
  static long[] strides(long[] shape, long[] strides, long[] other) {
    List<Integer> kept = new ArrayList<>();
    for (int d = 0; d < shape.length; d++) {
      if (shape[d] != 1) {
        kept.add(d);
      }
    }
    long[] result = new long[other.length];
    int next = 0;
    for (int d = 0; d < other.length; d++) {
      if (other[d] == 1) {
        result[d] = 1;
      } else if (next < kept.size() && shape[kept.get(next)] == other[d]) {
        result[d] = strides[kept.get(next++)];
      } else {
        return new long[0];
      }
    }
    return result;
  }
}
