package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Affine;
import org.diffusion4j.engine.graph.Binary;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Sigmoid;
import org.diffusion4j.engine.graph.Silu;
import org.diffusion4j.engine.graph.SiluGradient;
import org.diffusion4j.engine.graph.Value;

/** Elementwise kernels. */
final class Elementwise {

  private static final int SIGMOID = dnnl.dnnl_eltwise_logistic_use_dst_for_bwd;

  private Elementwise() {}

  static Kernel affine(Affine node, KernelContext context) {
    float alpha = (float) node.alpha();
    float beta = (float) node.beta();
    return forward(node, dnnl.dnnl_eltwise_linear, alpha, beta, node.x(), node.y(), context);
  }

  static Kernel silu(Silu node, KernelContext context) {
    return forward(node, dnnl.dnnl_eltwise_swish, 1, 0, node.x(), node.y(), context);
  }

  private static Kernel forward(
      Node node, int function, float alpha, float beta, Value x, Value y, KernelContext context) {
    Desc desc = context.flat(y);
    Primitive primitive =
        context.own(Primitive.of(node.name(), eltwise(function, alpha, beta, desc)));
    return PrimitiveKernel.of(
        primitive,
        new Operand(dnnl.DNNL_ARG_SRC, desc, x),
        new Operand(dnnl.DNNL_ARG_DST, desc, y));
  }

  private static Primitive.Describer eltwise(int function, float alpha, float beta, Desc desc) {
    return (pd, attributes) ->
        dnnl.dnnl_eltwise_forward_primitive_desc_create(
            pd,
            OneDnn.engine(),
            dnnl.dnnl_forward_training,
            function,
            desc.handle(),
            desc.handle(),
            alpha,
            beta,
            attributes);
  }

  static Kernel siluGradient(SiluGradient node, KernelContext context) {
    return gradient(
        node,
        dnnl.dnnl_eltwise_swish,
        new Operand(dnnl.DNNL_ARG_SRC, context.flat(node.dx()), node.of().x()),
        node.dy(),
        node.dx(),
        context);
  }

  static Kernel sigmoid(Sigmoid node, KernelContext context) {
    return forward(node, SIGMOID, 0, 0, node.x(), node.y(), context);
  }

  static Kernel sigmoidGradient(Sigmoid.Gradient node, KernelContext context) {
    return gradient(
        node,
        SIGMOID,
        new Operand(dnnl.DNNL_ARG_DST, context.flat(node.dx()), node.of().y()),
        node.dy(),
        node.dx(),
        context);
  }

  /**
   * @param of the value that the derivative is computed from: the input or the result
   */
  private static Kernel gradient(
      Node node, int function, Operand of, Value dy, Value dx, KernelContext context) {
    Desc desc = of.desc();
    Primitive.Description forward =
        context.own(Primitive.describe(node.name(), eltwise(function, 1, 0, desc)));
    Primitive primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_eltwise_backward_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        function,
                        desc.handle(),
                        desc.handle(),
                        desc.handle(),
                        1,
                        0,
                        forward.handle(),
                        attributes)));
    return PrimitiveKernel.of(
        primitive,
        of,
        new Operand(dnnl.DNNL_ARG_DIFF_DST, desc, dy),
        new Operand(dnnl.DNNL_ARG_DIFF_SRC, desc, dx));
  }

  static Kernel binary(Binary node, KernelContext context) {
    Desc desc = context.flat(node.y());
    int function =
        switch (node.kind()) {
          case ADD -> dnnl.dnnl_binary_add;
          case SUBTRACT -> dnnl.dnnl_binary_sub;
          case MULTIPLY -> dnnl.dnnl_binary_mul;
        };
    Primitive primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_binary_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        function,
                        desc.handle(),
                        desc.handle(),
                        desc.handle(),
                        attributes)));
    return new PrimitiveKernel(
        primitive,
        List.of(
            new Operand(dnnl.DNNL_ARG_SRC_0, desc, node.a()),
            new Operand(dnnl.DNNL_ARG_SRC_1, desc, node.b()),
            new Operand(dnnl.DNNL_ARG_DST, desc, node.y())));
  }
}
