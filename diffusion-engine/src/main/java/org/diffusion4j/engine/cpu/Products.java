package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Product;
import org.jspecify.annotations.Nullable;

/** The kernel of a product of matrices, and primitives for parts of others. */
final class Products {

  private Products() {}

  static Kernel of(Product node, KernelContext context) {
    Desc a = context.own(Desc.of(node.a()));
    Desc b = context.own(Desc.of(node.b()));
    Desc y = context.own(Desc.of(node.y()));
    long columns = node.y().columns();
    Desc bias = context.own(Desc.strided(new long[] {1, columns}, new long[] {columns, 1}));
    Primitive primitive =
        context.own(
            primitive(node.name(), node.factor(), a, b, node.bias() == null ? null : bias, y));
    List<Operand> operands = new ArrayList<>();
    operands.add(new Operand(dnnl.DNNL_ARG_SRC, a, node.a().value()));
    if (node.bias() != null) {
      operands.add(new Operand(dnnl.DNNL_ARG_BIAS, bias, node.bias()));
    }
    operands.add(new Operand(dnnl.DNNL_ARG_DST, y, node.y().value()));
    Operand weight = new Operand(dnnl.DNNL_ARG_WEIGHTS, b, node.b().value());
    if (context.isFrozen(weight.value())) {
      return new WeightKernel(primitive, operands, weight, context.copy(weight.value()));
    }
    operands.add(weight);
    return new PrimitiveKernel(primitive, operands);
  }

  /** {@code y = factor a b + bias}. */
  private static Primitive primitive(
      String name, double factor, Desc a, Desc b, @Nullable Desc bias, Desc y) {
    return primitive(name, then -> scaled(then, factor), a, b, bias, y);
  }

  /** {@code y = factor a b}. */
  static Primitive product(String name, double factor, Desc a, Desc b, Desc y) {
    return primitive(name, factor, a, b, null, y);
  }

  /** {@code y += factor a b}. */
  static Primitive addition(String name, double factor, Desc a, Desc b, Desc y) {
    return primitive(
        name,
        then ->
            scaled(then, factor)
                | dnnl.dnnl_post_ops_append_sum(then, 1, 0, dnnl.dnnl_data_type_undef),
        a,
        b,
        null,
        y);
  }

  private static int scaled(dnnl_post_ops then, double factor) {
    return factor == 1
        ? dnnl.dnnl_success
        : dnnl.dnnl_post_ops_append_eltwise(then, dnnl.dnnl_eltwise_linear, (float) factor, 0);
  }

  private static Primitive primitive(
      String name, ToIntFunction<dnnl_post_ops> then, Desc a, Desc b, @Nullable Desc bias, Desc y) {
    return Primitive.of(
        name,
        attributes -> Primitive.then(attributes, then),
        (pd, attributes) ->
            dnnl.dnnl_matmul_primitive_desc_create(
                pd,
                OneDnn.engine(),
                a.handle(),
                b.handle(),
                bias == null ? null : bias.handle(),
                y.handle(),
                attributes));
  }
}
