package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.ConvolutionInputGradient;

/** The gradient of a convolution with respect to its input. */
final class ConvolutionInputGradientKernel implements Kernel {

  private final ConvolutionInputGradient node;
  private final ConvolutionDescs descs;
  private final Primitive primitive;
  private final PackedWeight packed;

  ConvolutionInputGradientKernel(ConvolutionInputGradient node, KernelContext context) {
    this.node = node;
    descs = new ConvolutionDescs(node.of(), context);
    Primitive.Description forward = descs.hint(node.name(), context);
    primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_convolution_backward_data_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        dnnl.dnnl_convolution_direct,
                        descs.x.handle(),
                        descs.anyW.handle(),
                        descs.y.handle(),
                        descs.strides,
                        ConvolutionDescs.NO_DILATION,
                        descs.before,
                        descs.after,
                        forward.handle(),
                        attributes)));
    packed =
        context.packed(
            node.of().w(), ConvolutionDescs.OIHW, primitive.query(dnnl.dnnl_query_weights_md));
  }

  @Override
  public long scratch() {
    return packed.scratch() + primitive.scratch();
  }

  @Override
  public List<PackedWeight> packed() {
    return List.of(packed);
  }

  @Override
  public Runnable bind(CpuWorkspace workspace, long scratch) {
    return packed.used(
        scratch,
        primitive.bind(
            workspace,
            scratch + packed.scratch() * Float.BYTES,
            List.of(
                new Operand(dnnl.DNNL_ARG_DIFF_DST, descs.y, node.dy()).in(workspace),
                packed.argument(scratch),
                new Operand(dnnl.DNNL_ARG_DIFF_SRC, descs.x, node.dx()).in(workspace))));
  }
}
