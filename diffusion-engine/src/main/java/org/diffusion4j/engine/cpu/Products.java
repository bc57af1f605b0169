package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Product;

/** The kernel of a product of matrices. */
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
            Primitive.of(
                node.name(),
                attributes ->
                    node.factor() == 1
                        ? dnnl.dnnl_success
                        : Primitive.then(
                            attributes,
                            then ->
                                dnnl.dnnl_post_ops_append_eltwise(
                                    then, dnnl.dnnl_eltwise_linear, (float) node.factor(), 0)),
                (pd, attributes) ->
                    dnnl.dnnl_matmul_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        a.handle(),
                        b.handle(),
                        node.bias() == null ? null : bias.handle(),
                        y.handle(),
                        attributes)));
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
}
