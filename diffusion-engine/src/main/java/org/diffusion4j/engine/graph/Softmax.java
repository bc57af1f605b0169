package org.diffusion4j.plan;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;

/** The softmax over the last dimension. */
final class Softmax extends Node {

  private final Value x;
  private final Value y;
  private final Desc desc;
  private final Primitive primitive;

  Softmax(Value x, Value y) {
    super("softmax " + y.name, List.of(x), List.of(y));
    this.x = x;
    this.y = y;
    long last = x.size(x.rank() - 1);
    desc = Desc.strided(new long[] {x.length() / last, last}, new long[] {last, 1});
    primitive =
        Primitive.of(
            name(),
            (pd, attributes) ->
                dnnl.dnnl_softmax_forward_primitive_desc_create(
                    pd,
                    OneDnn.engine(),
                    dnnl.dnnl_forward_training,
                    dnnl.dnnl_softmax_accurate,
                    desc.handle(),
                    desc.handle(),
                    1,
                    attributes));
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
    Value dx = x.likeThis(x.name + "-grad");
    tape.add(new Backward(tape.gradientOf(y), dx));
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
      super(dx.name, List.of(dy, y), List.of(dx));
      this.dy = dy;
      this.dx = dx;
      backward =
          Primitive.of(
              dx.name,
              (pd, attributes) ->
                  dnnl.dnnl_softmax_backward_primitive_desc_create(
                      pd,
                      OneDnn.engine(),
                      dnnl.dnnl_softmax_accurate,
                      desc.handle(),
                      desc.handle(),
                      desc.handle(),
                      1,
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
              new Primitive.Argument(dnnl.DNNL_ARG_DST, desc, workspace.address(y)),
              new Primitive.Argument(dnnl.DNNL_ARG_DIFF_DST, desc, workspace.address(dy)),
              new Primitive.Argument(dnnl.DNNL_ARG_DIFF_SRC, desc, workspace.address(dx))));
    }

    @Override
    public void close() {
      backward.close();
    }
  }
}
