package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Activation;
import org.diffusion4j.engine.graph.Affine;
import org.diffusion4j.engine.graph.Binary;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Shift;
import org.diffusion4j.engine.graph.Value;

/** Elementwise kernels. */
final class Elementwise {

  /** A function of oneDNN's, and its parameter. */
  private record Function(int kind, float alpha) {

    static Function of(Activation.Kind kind) {
      return switch (kind) {
        case SILU -> new Function(dnnl.dnnl_eltwise_swish, 1);
        case SIGMOID -> new Function(dnnl.dnnl_eltwise_logistic_use_dst_for_bwd, 1);
        case TANH -> new Function(dnnl.dnnl_eltwise_tanh_use_dst_for_bwd, 0);
        case RELU -> new Function(dnnl.dnnl_eltwise_relu_use_dst_for_bwd, 0);
        case MISH -> new Function(dnnl.dnnl_eltwise_mish, 0);
        case GELU -> new Function(dnnl.dnnl_eltwise_gelu_erf, 0);
        case TANH_GELU -> new Function(dnnl.dnnl_eltwise_gelu_tanh, 0);
        case QUICK_GELU -> new Function(dnnl.dnnl_eltwise_swish, 1.702f);
      };
    }
  }

  private Elementwise() {}

  static Kernel affine(Affine node, KernelContext context) {
    float alpha = (float) node.alpha();
    float beta = (float) node.beta();
    return forward(node, dnnl.dnnl_eltwise_linear, alpha, beta, node.x(), node.y(), context);
  }

  static Kernel activation(Activation node, KernelContext context) {
    Function f = Function.of(node.kind());
    return forward(node, f.kind, f.alpha, 0, node.x(), node.y(), context);
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

  static Kernel activationGradient(Activation.Gradient node, KernelContext context) {
    Function f = Function.of(node.of().kind());
    Desc desc = context.flat(node.dx());
    Primitive.Description forward =
        context.own(Primitive.describe(node.name(), eltwise(f.kind, f.alpha, 0, desc)));
    Primitive primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_eltwise_backward_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        f.kind,
                        desc.handle(),
                        desc.handle(),
                        desc.handle(),
                        f.alpha,
                        0,
                        forward.handle(),
                        attributes)));
    int by = node.of().kind().isDifferentiatedByResult() ? dnnl.DNNL_ARG_DST : dnnl.DNNL_ARG_SRC;
    return PrimitiveKernel.of(
        primitive,
        new Operand(by, desc, node.by()),
        new Operand(dnnl.DNNL_ARG_DIFF_DST, desc, node.dy()),
        new Operand(dnnl.DNNL_ARG_DIFF_SRC, desc, node.dx()));
  }

  static Kernel binary(Binary node, KernelContext context) {
    Desc desc = context.flat(node.y());
    int function =
        switch (node.kind()) {
          case ADD -> dnnl.dnnl_binary_add;
          case SUBTRACT -> dnnl.dnnl_binary_sub;
          case MULTIPLY -> dnnl.dnnl_binary_mul;
        };
    return binary(node, function, node.a(), desc, node.b(), desc, node.y(), context);
  }

  static Kernel shift(Shift node, KernelContext context) {
    long width = node.b().length();
    long rows = node.x().length() / width;
    long[] strides = {width, 1};
    Desc all = context.own(Desc.strided(new long[] {rows, width}, strides));
    Desc one = context.own(Desc.strided(new long[] {1, width}, strides));
    return binary(node, dnnl.dnnl_binary_add, node.x(), all, node.b(), one, node.y(), context);
  }

  private static Kernel binary(
      Node node,
      int function,
      Value a,
      Desc ofA,
      Value b,
      Desc ofB,
      Value y,
      KernelContext context) {
    Primitive primitive = context.own(binary(node.name(), function, ofA, ofB));
    return new PrimitiveKernel(
        primitive,
        List.of(
            new Operand(dnnl.DNNL_ARG_SRC_0, ofA, a),
            new Operand(dnnl.DNNL_ARG_SRC_1, ofB, b),
            new Operand(dnnl.DNNL_ARG_DST, ofA, y)));
  }

  /** {@code a + b}, where b is repeated along dimensions of size 1. */
  static Primitive sum(String name, Desc a, Desc b) {
    return binary(name, dnnl.dnnl_binary_add, a, b);
  }

  private static Primitive binary(String name, int function, Desc a, Desc b) {
    return Primitive.of(
        name,
        (pd, attributes) ->
            dnnl.dnnl_binary_primitive_desc_create(
                pd, OneDnn.engine(), function, a.handle(), b.handle(), a.handle(), attributes));
  }
}
