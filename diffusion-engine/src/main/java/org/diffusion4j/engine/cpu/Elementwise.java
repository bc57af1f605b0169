package org.diffusion4j.plan;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;

/** A function of each value: {@code alpha x + beta}, or SiLU. */
final class Eltwise extends Node {

  private final int algorithm;
  private final float alpha;
  private final float beta;
  private final Value x;
  private final Value y;
  private final Desc desc;
  private final Primitive primitive;

  private Eltwise(String name, int algorithm, double alpha, double beta, Value x, Value y) {
    super(name, List.of(x), List.of(y));
    this.algorithm = algorithm;
    this.alpha = (float) alpha;
    this.beta = (float) beta;
    this.x = x;
    this.y = y;
    desc = Desc.flat(y);
    primitive =
        Primitive.of(
            name,
            (pd, attributes) ->
                dnnl.dnnl_eltwise_forward_primitive_desc_create(
                    pd,
                    OneDnn.engine(),
                    dnnl.dnnl_forward_training,
                    algorithm,
                    desc.handle(),
                    desc.handle(),
                    this.alpha,
                    this.beta,
                    attributes));
  }

  static Eltwise linear(String name, double alpha, double beta, Value x, Value y) {
    return new Eltwise(name, dnnl.dnnl_eltwise_linear, alpha, beta, x, y);
  }

  static Eltwise silu(String name, Value x, Value y) {
    return new Eltwise(name, dnnl.dnnl_eltwise_swish, 1, 0, x, y);
  }

  @Override
  List<Value> overwritable() {
    return List.of(x);
  }

  @Override
  long scratch() {
    return primitive.scratch();
  }

  @Override
  void differentiate(Tape tape) {
    Value dy = tape.gradientOf(y);
    Value dx = x.likeThis(x.name + "-grad");
    if (algorithm == dnnl.dnnl_eltwise_linear) {
      tape.add(linear(dx.name, alpha, 0, dy, dx));
    } else {
      tape.add(new Backward(dy, dx));
    }
    tape.contribute(x, dx);
  }

  @Override
  Runnable bind(Workspace workspace) {
    return primitive.bind(
        workspace,
        workspace.scratchAddress(this),
        List.of(
            new Primitive.Argument(dnnl.DNNL_ARG_SRC, desc, workspace.address(x)),
            new Primitive.Argument(dnnl.DNNL_ARG_DST, desc, workspace.address(y))));
  }

  @Override
  public void close() {
    primitive.close();
    desc.close();
  }

  private final class Backward extends Node {

    private final Value dy;
    private final Value dx;
    private final Primitive backward;

    Backward(Value dy, Value dx) {
      super(dx.name, List.of(dy, x), List.of(dx));
      this.dy = dy;
      this.dx = dx;
      backward =
          Primitive.of(
              dx.name,
              (pd, attributes) ->
                  dnnl.dnnl_eltwise_backward_primitive_desc_create(
                      pd,
                      OneDnn.engine(),
                      algorithm,
                      desc.handle(),
                      desc.handle(),
                      desc.handle(),
                      alpha,
                      beta,
                      primitive.description(),
                      attributes));
    }

    @Override
    List<Value> overwritable() {
      return List.of(dy);
    }

    @Override
    long scratch() {
      return backward.scratch();
    }

    @Override
    Runnable bind(Workspace workspace) {
      return backward.bind(
          workspace,
          workspace.scratchAddress(this),
          List.of(
              new Primitive.Argument(dnnl.DNNL_ARG_SRC, desc, workspace.address(x)),
              new Primitive.Argument(dnnl.DNNL_ARG_DIFF_DST, desc, workspace.address(dy)),
              new Primitive.Argument(dnnl.DNNL_ARG_DIFF_SRC, desc, workspace.address(dx))));
    }

    @Override
    public void close() {
      backward.close();
    }
  }
}
