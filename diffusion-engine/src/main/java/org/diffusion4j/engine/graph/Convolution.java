package org.diffusion4j.plan;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.global.dnnl;
import org.jspecify.annotations.Nullable;

/**
 * A convolution with a bias, and what is added to its result if anything is. Its three directions
 * are three nodes, as in oneDNN.
 */
final class Convolution extends Node {

  /** Strides and paddings of height and width. */
  static final class Geometry {

    private static final long[] NO_DILATION = {0, 0};

    private final long[] strides;
    private final long[] before;
    private final long[] after;

    Geometry(long[] strides, long[] before, long[] after) {
      this.strides = strides;
      this.before = before;
      this.after = after;
    }
  }

  private final Geometry geometry;
  private final Value x;
  private final Value w;
  private final Value b;
  private final @Nullable Value addend;
  private final Value y;
  private final Descs descs;
  private final @Nullable Primitive narrow;
  private final Primitive primitive;
  private final PackedWeight packed;

  /**
   * @param w a weight {@code [kH, kW, in, out]}
   * @param b a weight {@code [out]}
   * @param addend of the shape of {@code y}; {@code y} must not take its memory, for oneDNN keeps
   *     partial sums there
   */
  Convolution(
      WeightStore weights,
      Geometry geometry,
      Value x,
      Value w,
      Value b,
      @Nullable Value addend,
      Value y,
      Precision precision) {
    super(
        "convolution " + w.name,
        addend == null ? List.of(x, w, b) : List.of(x, w, b, addend),
        List.of(y));
    this.geometry = geometry;
    this.x = x;
    this.w = w;
    this.b = b;
    this.addend = addend;
    this.y = y;
    descs = new Descs(x, w, b, y, precision);
    narrow =
        precision == Precision.FLOAT32
            ? null
            : PackedWeight.reorder(name(), descs.x, descs.narrowX);
    primitive =
        Primitive.of(
            name(),
            attributes -> addend == null ? dnnl.dnnl_success : thenAdd(attributes, descs.y),
            (pd, attributes) ->
                dnnl.dnnl_convolution_forward_primitive_desc_create(
                    pd,
                    OneDnn.engine(),
                    dnnl.dnnl_forward_training,
                    dnnl.dnnl_convolution_direct,
                    descs.narrowX.handle(),
                    descs.anyW.handle(),
                    descs.b.handle(),
                    descs.y.handle(),
                    geometry.strides,
                    Geometry.NO_DILATION,
                    geometry.before,
                    geometry.after,
                    attributes));
    packed = weights.packed(w, descs.plainW, primitive.query(dnnl.dnnl_query_weights_md));
  }

  private static int thenAdd(dnnl_primitive_attr attributes, Desc addend) {
    dnnl_post_ops then = new dnnl_post_ops();
    int status = dnnl.dnnl_post_ops_create(then);
    status |= dnnl.dnnl_post_ops_append_binary(then, dnnl.dnnl_binary_add, addend.handle());
    status |= dnnl.dnnl_primitive_attr_set_post_ops(attributes, then);
    dnnl.dnnl_post_ops_destroy(then);
    return status;
  }

  @Override
  long scratch() {
    return narrowFloats() + primitive.scratch();
  }

  /** The memory of the input in another precision. */
  private long narrowFloats() {
    return narrow == null ? 0 : (descs.narrowX.floats() + 15) / 16 * 16;
  }

  @Override
  List<PackedWeight> packed() {
    return List.of(packed);
  }

  @Override
  Runnable bind(Workspace workspace) {
    long scratch = workspace.scratchAddress(this);
    long source = narrow == null ? workspace.address(x) : scratch;
    List<Primitive.Argument> arguments = new ArrayList<>();
    arguments.add(new Primitive.Argument(dnnl.DNNL_ARG_SRC, descs.narrowX, source));
    arguments.add(new Primitive.Argument(dnnl.DNNL_ARG_WEIGHTS, packed.desc(), packed.address()));
    arguments.add(argument(workspace, dnnl.DNNL_ARG_BIAS, descs.b, b));
    if (addend != null) {
      int role = dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | dnnl.DNNL_ARG_SRC_1;
      arguments.add(argument(workspace, role, descs.y, addend));
    }
    arguments.add(argument(workspace, dnnl.DNNL_ARG_DST, descs.y, y));
    Runnable convolve =
        primitive.bind(workspace, scratch + narrowFloats() * Float.BYTES, arguments);
    if (narrow == null) {
      return convolve;
    }
    Runnable convert =
        narrow.bind(
            workspace,
            scratch,
            List.of(
                argument(workspace, dnnl.DNNL_ARG_FROM, descs.x, x),
                new Primitive.Argument(dnnl.DNNL_ARG_TO, descs.narrowX, scratch)));
    return () -> {
      convert.run();
      convolve.run();
    };
  }

  private static Primitive.Argument argument(
      Workspace workspace, int role, Desc desc, Value value) {
    return new Primitive.Argument(role, desc, workspace.address(value));
  }

  @Override
  void differentiate(Tape tape) {
    Value dy = tape.gradientOf(y);
    if (addend != null) {
      tape.contribute(addend, dy);
    }
    if (tape.wants(w) || tape.wants(b)) {
      Value dw = w.likeThis(w.name + "-grad");
      Value db = b.likeThis(b.name + "-grad");
      tape.add(new OfWeights(x, dy, dw, db));
      tape.contribute(w, dw);
      tape.contribute(b, db);
    }
    if (tape.wants(x)) {
      Value dx = x.likeThis(x.name + "-grad");
      tape.add(new OfData(tape.weights(), dy, dx));
      tape.contribute(x, dx);
    }
  }

  @Override
  public void close() {
    if (narrow != null) {
      narrow.close();
    }
    primitive.close();
    descs.close();
  }

  /** The gradient with respect to the input. */
  private final class OfData extends Node {

    private final Value dy;
    private final Value dx;
    private final Primitive backward;
    private final PackedWeight packedBack;

    OfData(WeightStore weights, Value dy, Value dx) {
      super(dx.name, List.of(dy, w), List.of(dx));
      this.dy = dy;
      this.dx = dx;
      backward =
          Primitive.of(
              name(),
              (pd, attributes) ->
                  dnnl.dnnl_convolution_backward_data_primitive_desc_create(
                      pd,
                      OneDnn.engine(),
                      dnnl.dnnl_convolution_direct,
                      descs.x.handle(),
                      descs.anyW.handle(),
                      descs.y.handle(),
                      geometry.strides,
                      Geometry.NO_DILATION,
                      geometry.before,
                      geometry.after,
                      primitive.description(),
                      attributes));
      packedBack = weights.packed(w, descs.plainW, backward.query(dnnl.dnnl_query_weights_md));
    }

    @Override
    long scratch() {
      return backward.scratch();
    }

    @Override
    List<PackedWeight> packed() {
      return List.of(packedBack);
    }

    @Override
    Runnable bind(Workspace workspace) {
      return backward.bind(
          workspace,
          workspace.scratchAddress(this),
          List.of(
              argument(workspace, dnnl.DNNL_ARG_DIFF_DST, descs.y, dy),
              new Primitive.Argument(
                  dnnl.DNNL_ARG_WEIGHTS, packedBack.desc(), packedBack.address()),
              argument(workspace, dnnl.DNNL_ARG_DIFF_SRC, descs.x, dx)));
    }

    @Override
    public void close() {
      backward.close();
    }
  }

  /** The gradients with respect to the weight and the bias. */
  private final class OfWeights extends Node {

    private final Value dy;
    private final Value dw;
    private final Value db;
    private final Primitive backward;
    private final Primitive unpack;

    OfWeights(Value x, Value dy, Value dw, Value db) {
      super(dw.name, List.of(x, dy), List.of(dw, db));
      this.dy = dy;
      this.dw = dw;
      this.db = db;
      backward =
          Primitive.of(
              name(),
              (pd, attributes) ->
                  dnnl.dnnl_convolution_backward_weights_primitive_desc_create(
                      pd,
                      OneDnn.engine(),
                      dnnl.dnnl_convolution_direct,
                      descs.x.handle(),
                      descs.anyW.handle(),
                      descs.b.handle(),
                      descs.y.handle(),
                      geometry.strides,
                      Geometry.NO_DILATION,
                      geometry.before,
                      geometry.after,
                      primitive.description(),
                      attributes));
      unpack = PackedWeight.reorder(name(), packedDesc(), descs.plainW);
    }

    private Desc packedDesc() {
      return backward.query(dnnl.dnnl_query_diff_weights_md);
    }

    private long packedFloats() {
      return (packedDesc().floats() + 15) / 16 * 16;
    }

    @Override
    long scratch() {
      return packedFloats() + Math.max(backward.scratch(), unpack.scratch());
    }

    @Override
    Runnable bind(Workspace workspace) {
      long packedDw = workspace.scratchAddress(this);
      long rest = packedDw + packedFloats() * Float.BYTES;
      Runnable compute =
          backward.bind(
              workspace,
              rest,
              List.of(
                  argument(workspace, dnnl.DNNL_ARG_SRC, descs.x, x),
                  argument(workspace, dnnl.DNNL_ARG_DIFF_DST, descs.y, dy),
                  new Primitive.Argument(dnnl.DNNL_ARG_DIFF_WEIGHTS, packedDesc(), packedDw),
                  argument(workspace, dnnl.DNNL_ARG_DIFF_BIAS, descs.b, db)));
      Runnable reorder =
          unpack.bind(
              workspace,
              rest,
              List.of(
                  new Primitive.Argument(dnnl.DNNL_ARG_FROM, packedDesc(), packedDw),
                  argument(workspace, dnnl.DNNL_ARG_TO, descs.plainW, dw)));
      return () -> {
        compute.run();
        reorder.run();
      };
    }

    @Override
    public void close() {
      backward.close();
      unpack.close();
    }
  }

  /** The layouts of a convolution's values, as oneDNN orders their dimensions. */
  private static final class Descs implements AutoCloseable {

    final Desc x;
    final Desc narrowX;
    final Desc b;
    final Desc y;
    final Desc anyW;
    final Desc plainW;

    Descs(Value x, Value w, Value b, Value y, Precision precision) {
      this.x = Desc.of(x);
      narrowX = Desc.of(precision, x);
      this.b = Desc.of(b);
      this.y = Desc.of(y);
      long kH = w.size(0);
      long kW = w.size(1);
      long in = w.size(2);
      long out = w.size(3);
      long[] oihw = {out, in, kH, kW};
      anyW = Desc.any(precision, oihw);
      plainW = Desc.strided(oihw, new long[] {1, out, kW * in * out, in * out});
    }

    @Override
    public void close() {
      x.close();
      narrowX.close();
      b.close();
      y.close();
      anyW.close();
      plainW.close();
    }
  }
}
