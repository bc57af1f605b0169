package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.Precision;
import org.jspecify.annotations.Nullable;

/** A forward convolution; converts its input to another precision first if necessary. */
final class ConvolutionKernel implements Kernel {

  private final Convolution node;
  private final ConvolutionDescs descs;
  private final @Nullable Primitive narrow;
  private final Primitive primitive;
  private final PackedWeight packed;

  ConvolutionKernel(Convolution node, KernelContext context) {
    this.node = node;
    descs = new ConvolutionDescs(node, context);
    narrow =
        node.precision() == Precision.FLOAT32
            ? null
            : context.own(Primitive.reorder(node.name(), descs.x, descs.narrowX));
    primitive =
        context.own(
            Primitive.of(
                node.name(),
                attributes ->
                    node.addend() == null
                        ? dnnl.dnnl_success
                        : Primitive.then(
                            attributes,
                            then ->
                                dnnl.dnnl_post_ops_append_binary(
                                    then, dnnl.dnnl_binary_add, descs.y.handle())),
                descs::describeForward));
    packed =
        context.packed(
            node.w(), ConvolutionDescs.OIHW, primitive.query(dnnl.dnnl_query_weights_md));
  }

  @Override
  public long scratch() {
    return narrowFloats() + packed.scratch() + primitive.scratch();
  }

  /** The memory of the converted input. */
  private long narrowFloats() {
    return narrow == null ? 0 : (descs.narrowX.floats() + 15) / 16 * 16;
  }

  @Override
  public List<PackedWeight> packed() {
    return List.of(packed);
  }

  @Override
  public Runnable bind(CpuWorkspace workspace, long scratch) {
    long source = narrow == null ? workspace.address(node.x()) : scratch;
    List<Primitive.Argument> arguments = new ArrayList<>();
    arguments.add(new Primitive.Argument(dnnl.DNNL_ARG_SRC, descs.narrowX, source));
    long weight = scratch + narrowFloats() * Float.BYTES;
    arguments.add(packed.argument(weight));
    arguments.add(new Operand(dnnl.DNNL_ARG_BIAS, descs.b, node.b()).in(workspace));
    if (node.addend() != null) {
      int role = dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | dnnl.DNNL_ARG_SRC_1;
      arguments.add(new Operand(role, descs.y, node.addend()).in(workspace));
    }
    arguments.add(new Operand(dnnl.DNNL_ARG_DST, descs.y, node.y()).in(workspace));
    Runnable convolve =
        packed.used(
            weight, primitive.bind(workspace, weight + packed.scratch() * Float.BYTES, arguments));
    if (narrow == null) {
      return convolve;
    }
    Runnable convert =
        narrow.bind(
            workspace,
            scratch,
            List.of(
                new Operand(dnnl.DNNL_ARG_FROM, descs.x, node.x()).in(workspace),
                new Primitive.Argument(dnnl.DNNL_ARG_TO, descs.narrowX, scratch)));
    return () -> {
      convert.run();
      convolve.run();
    };
  }
}
