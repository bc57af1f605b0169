package org.diffusion4j.engine.cpu;

import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Softmax;
import org.diffusion4j.engine.graph.SoftmaxGradient;
import org.diffusion4j.engine.graph.Value;

/** The kernels of a softmax and of its gradient. */
final class Softmaxes {

  private Softmaxes() {}

  static Kernel forward(Softmax node, KernelContext context) {
    Desc desc = rows(node.x(), context);
    return PrimitiveKernel.of(
        context.own(Primitive.of(node.name(), describer(desc))),
        new Operand(dnnl.DNNL_ARG_SRC, desc, node.x()),
        new Operand(dnnl.DNNL_ARG_DST, desc, node.y()));
  }

  static Kernel gradient(SoftmaxGradient node, KernelContext context) {
    Desc desc = rows(node.dx(), context);
    Primitive.Description forward = context.own(Primitive.describe(node.name(), describer(desc)));
    Primitive primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_softmax_backward_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        dnnl.dnnl_softmax_accurate,
                        desc.handle(),
                        desc.handle(),
                        desc.handle(),
                        1,
                        forward.handle(),
                        attributes)));
    return PrimitiveKernel.of(
        primitive,
        new Operand(dnnl.DNNL_ARG_DST, desc, node.of().y()),
        new Operand(dnnl.DNNL_ARG_DIFF_DST, desc, node.dy()),
        new Operand(dnnl.DNNL_ARG_DIFF_SRC, desc, node.dx()));
  }

  private static Desc rows(Value value, KernelContext context) {
    long last = value.size(value.rank() - 1);
    return context.own(
        Desc.strided(new long[] {value.length() / last, last}, new long[] {last, 1}));
  }

  private static Primitive.Describer describer(Desc desc) {
    return (pd, attributes) ->
        dnnl.dnnl_softmax_forward_primitive_desc_create(
            pd,
            OneDnn.engine(),
            dnnl.dnnl_forward_training,
            dnnl.dnnl_softmax_accurate,
            desc.handle(),
            desc.handle(),
            1,
            attributes);
  }
}
