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
        softmax(node.name(), desc, context),
        new Operand(dnnl.DNNL_ARG_SRC, desc, node.x()),
        new Operand(dnnl.DNNL_ARG_DST, desc, node.y()));
  }

  static Kernel gradient(SoftmaxGradient node, KernelContext context) {
    Desc desc = rows(node.dx(), context);
    return PrimitiveKernel.of(
        gradient(node.name(), desc, context),
        new Operand(dnnl.DNNL_ARG_DST, desc, node.of().y()),
        new Operand(dnnl.DNNL_ARG_DIFF_DST, desc, node.dy()),
        new Operand(dnnl.DNNL_ARG_DIFF_SRC, desc, node.dx()));
  }

  /** The softmax of each row of a matrix. */
  static Primitive softmax(String name, Desc rows, KernelContext context) {
    return context.own(Primitive.of(name, describer(rows)));
  }

  static Primitive gradient(String name, Desc rows, KernelContext context) {
    Primitive.Description forward = context.own(Primitive.describe(name, describer(rows)));
    return context.own(
        Primitive.of(
            name,
            (pd, attributes) ->
                dnnl.dnnl_softmax_backward_primitive_desc_create(
                    pd,
                    OneDnn.engine(),
                    dnnl.dnnl_softmax_accurate,
                    rows.handle(),
                    rows.handle(),
                    rows.handle(),
                    1,
                    forward.handle(),
                    attributes)));
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
