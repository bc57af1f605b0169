package org.diffusion4j.plan;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.global.dnnl;
import org.jspecify.annotations.Nullable;

/** A product of matrices, or of batches of them: {@code y = factor a b + bias}. */
final class Product extends Node {

  private final double factor;
  private final Matrices a;
  private final Matrices b;
  private final @Nullable Value bias;
  private final Matrices y;
  private final Desc descA;
  private final Desc descB;
  private final Desc descBias;
  private final Desc descY;
  private final Primitive primitive;

  /**
   * @param bias one for each column, or null
   */
  Product(double factor, Matrices a, Matrices b, @Nullable Value bias, Matrices y) {
    super(
        "product " + y.value().name,
        bias == null ? List.of(a.value(), b.value()) : List.of(a.value(), b.value(), bias),
        List.of(y.value()));
    this.factor = factor;
    this.a = a;
    this.b = b;
    this.bias = bias;
    this.y = y;
    descA = a.desc();
    descB = b.desc();
    long columns = y.columns();
    descBias = Desc.strided(new long[] {1, columns}, new long[] {columns, 1});
    descY = y.desc();
    primitive =
        Primitive.of(
            name(),
            attributes -> factor == 1 ? dnnl.dnnl_success : thenScale(attributes, factor),
            (pd, attributes) ->
                dnnl.dnnl_matmul_primitive_desc_create(
                    pd,
                    OneDnn.engine(),
                    descA.handle(),
                    descB.handle(),
                    bias == null ? null : descBias.handle(),
                    descY.handle(),
                    attributes));
  }

  private static int thenScale(dnnl_primitive_attr attributes, double factor) {
    dnnl_post_ops then = new dnnl_post_ops();
    int status = dnnl.dnnl_post_ops_create(then);
    status |= dnnl.dnnl_post_ops_append_eltwise(then, dnnl.dnnl_eltwise_linear, (float) factor, 0);
    status |= dnnl.dnnl_primitive_attr_set_post_ops(attributes, then);
    dnnl.dnnl_post_ops_destroy(then);
    return status;
  }

  @Override
  boolean batchwise() {
    return !a.value().isWeight() && (b.value().isWeight() || a.rank() > 2);
  }

  @Override
  long scratch() {
    return primitive.scratch();
  }

  @Override
  void differentiate(Tape tape) {
    Matrices dy = y.in(tape.gradientOf(y.value()));
    if (bias != null && tape.wants(bias)) {
      Value gradient = bias.likeThis(bias.name + "-grad");
      tape.add(new ColumnSums(gradient.name, dy.value(), gradient));
      tape.contribute(bias, gradient);
    }
    if (tape.wants(a.value())) {
      Matrices gradient = a.in(a.value().likeThis(a.value().name + "-grad"));
      tape.add(of(dy, b.transposed(), gradient));
      tape.contribute(a.value(), gradient.value());
    }
    if (tape.wants(b.value())) {
      Matrices gradient = b.in(b.value().likeThis(b.value().name + "-grad"));
      tape.add(of(a.transposed(), dy, gradient));
      tape.contribute(b.value(), gradient.value());
    }
  }

  /** A product into matrices by rows: oneDNN is slow at writing columns. */
  private Product of(Matrices left, Matrices right, Matrices to) {
    return to.byRows()
        ? new Product(factor, left, right, null, to)
        : new Product(factor, right.transposed(), left.transposed(), null, to.transposed());
  }

  @Override
  Runnable bind(Workspace workspace) {
    List<Primitive.Argument> arguments = new ArrayList<>();
    arguments.add(argument(workspace, dnnl.DNNL_ARG_SRC, descA, a.value()));
    arguments.add(argument(workspace, dnnl.DNNL_ARG_WEIGHTS, descB, b.value()));
    if (bias != null) {
      arguments.add(argument(workspace, dnnl.DNNL_ARG_BIAS, descBias, bias));
    }
    arguments.add(argument(workspace, dnnl.DNNL_ARG_DST, descY, y.value()));
    return primitive.bind(workspace, workspace.scratchAddress(this), arguments);
  }

  private static Primitive.Argument argument(
      Workspace workspace, int role, Desc desc, Value value) {
    return new Primitive.Argument(role, desc, workspace.address(value));
  }

  @Override
  public void close() {
    primitive.close();
    descA.close();
    descB.close();
    descBias.close();
    descY.close();
  }
}
