package org.diffusion4j.plan;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;

/** The sum, difference or product of two values of one shape and layout. */
final class Binary extends Node {

  enum Kind {
    ADD(dnnl.dnnl_binary_add),
    SUBTRACT(dnnl.dnnl_binary_sub),
    MULTIPLY(dnnl.dnnl_binary_mul);

    private final int algorithm;

    Kind(int algorithm) {
      this.algorithm = algorithm;
    }
  }

  private final Kind kind;
  private final Value a;
  private final Value b;
  private final Value y;
  private final Desc desc;
  private final Primitive primitive;

  Binary(String name, Kind kind, Value a, Value b, Value y) {
    super(name, List.of(a, b), List.of(y));
    this.kind = kind;
    this.a = a;
    this.b = b;
    this.y = y;
    desc = Desc.flat(y);
    primitive =
        Primitive.of(
            name,
            (pd, attributes) ->
                dnnl.dnnl_binary_primitive_desc_create(
                    pd,
                    OneDnn.engine(),
                    kind.algorithm,
                    desc.handle(),
                    desc.handle(),
                    desc.handle(),
                    attributes));
  }

  static Binary add(String name, Value a, Value b, Value y) {
    return new Binary(name, Kind.ADD, a, b, y);
  }

  @Override
  List<Value> overwritable() {
    return List.of(a);
  }

  @Override
  boolean batchwise() {
    return !a.isWeight() && !b.isWeight();
  }

  @Override
  long scratch() {
    return primitive.scratch();
  }

  @Override
  void differentiate(Tape tape) {
    Value dy = tape.gradientOf(y);
    switch (kind) {
      case ADD -> {
        tape.contribute(a, dy);
        tape.contribute(b, dy);
      }
      case SUBTRACT -> {
        tape.contribute(a, dy);
        if (tape.wants(b)) {
          Value negative = b.likeThis(b.name + "-grad");
          tape.add(Eltwise.linear(negative.name, -1, 0, dy, negative));
          tape.contribute(b, negative);
        }
      }
      case MULTIPLY -> {
        product(tape, dy, b, a);
        product(tape, dy, a, b);
      }
    }
  }

  private static void product(Tape tape, Value dy, Value factor, Value of) {
    if (tape.wants(of)) {
      Value gradient = of.likeThis(of.name + "-grad");
      tape.add(new Binary(gradient.name, Kind.MULTIPLY, dy, factor, gradient));
      tape.contribute(of, gradient);
    }
  }

  @Override
  Runnable bind(Workspace workspace) {
    return primitive.bind(
        workspace,
        workspace.scratchAddress(this),
        List.of(
            new Primitive.Argument(dnnl.DNNL_ARG_SRC_0, desc, workspace.address(a)),
            new Primitive.Argument(dnnl.DNNL_ARG_SRC_1, desc, workspace.address(b)),
            new Primitive.Argument(dnnl.DNNL_ARG_DST, desc, workspace.address(y))));
  }

  @Override
  public void close() {
    primitive.close();
    desc.close();
  }
}
