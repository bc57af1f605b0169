package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.ConvolutionWeightGradient;

/**
 * The gradients of a convolution with respect to its weight and its bias, first in oneDNN's layout,
 * then converted to the weight's.
 */
final class ConvolutionWeightGradientKernel implements Kernel {

  private final ConvolutionWeightGradient node;
  private final ConvolutionDescs descs;
  private final Primitive primitive;
  private final Desc packedDesc;
  private final Primitive unpack;

  ConvolutionWeightGradientKernel(ConvolutionWeightGradient node, KernelContext context) {
    this.node = node;
    descs = new ConvolutionDescs(node.of(), context);
    Primitive.Description forward = descs.hint(node.name(), context);
    primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_convolution_backward_weights_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        dnnl.dnnl_convolution_direct,
                        descs.x.handle(),
                        descs.anyW.handle(),
                        descs.b.handle(),
                        descs.y.handle(),
                        descs.strides,
                        ConvolutionDescs.NO_DILATION,
                        descs.before,
                        descs.after,
                        forward.handle(),
                        attributes)));
    packedDesc = primitive.query(dnnl.dnnl_query_diff_weights_md);
    unpack = context.own(Primitive.reorder(node.name(), packedDesc, descs.plainW));
  }

  private long packedFloats() {
    return (packedDesc.floats() + 15) / 16 * 16;
  }

  @Override
  public long scratch() {
    return packedFloats() + Math.max(primitive.scratch(), unpack.scratch());
  }

  @Override
  public Runnable bind(CpuWorkspace workspace, long scratch) {
    long rest = scratch + packedFloats() * Float.BYTES;
    Runnable compute =
        primitive.bind(
            workspace,
            rest,
            List.of(
                new Operand(dnnl.DNNL_ARG_SRC, descs.x, node.of().x()).in(workspace),
                new Operand(dnnl.DNNL_ARG_DIFF_DST, descs.y, node.dy()).in(workspace),
                new Primitive.Argument(dnnl.DNNL_ARG_DIFF_WEIGHTS, packedDesc, scratch),
                new Operand(dnnl.DNNL_ARG_DIFF_BIAS, descs.b, node.db()).in(workspace)));
    Runnable reorder =
        unpack.bind(
            workspace,
            rest,
            List.of(
                new Primitive.Argument(dnnl.DNNL_ARG_FROM, packedDesc, scratch),
                new Operand(dnnl.DNNL_ARG_TO, descs.plainW, node.dw()).in(workspace)));
    return () -> {
      compute.run();
      reorder.run();
    };
  }
}
