package org.diffusion4j.engine.samediff;

import com.google.common.primitives.Longs;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.diffusion4j.engine.graph.Affine;
import org.diffusion4j.engine.graph.Binary;
import org.diffusion4j.engine.graph.Concat;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.DropoutOp;
import org.diffusion4j.engine.graph.Gather;
import org.diffusion4j.engine.graph.GroupNorm;
import org.diffusion4j.engine.graph.Matrices;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.Product;
import org.diffusion4j.engine.graph.Relayout;
import org.diffusion4j.engine.graph.Resample;
import org.diffusion4j.engine.graph.Sigmoid;
import org.diffusion4j.engine.graph.Silu;
import org.diffusion4j.engine.graph.Softmax;
import org.diffusion4j.engine.graph.Split;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.samediff.Patterns.AttentionMatch;
import org.diffusion4j.engine.samediff.Patterns.Group;
import org.diffusion4j.engine.samediff.Patterns.GroupNormMatch;
import org.diffusion4j.engine.samediff.Patterns.SumMatch;
import org.diffusion4j.internal.common.NativeMemory;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.BaseTransformOp;
import org.nd4j.linalg.api.ops.ScalarOp;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/** Converts the operations of a SameDiff graph to nodes, for given shapes of the placeholders. */
final class GraphReader {

  /** Operations whose integer inputs are values, not the shape of the result. */
  private static final Set<String> READS_INTEGERS =
      Set.of(
          "cast",
          "onehot",
          "mul_scalar",
          "add_scalar",
          "sub_scalar",
          "add",
          "subtract",
          "multiply");

  /** The memory for smaller examples is not checked. */
  private static final long GATED_BYTES = 1 << 20;

  private final Weights weights;
  private final Nd4jOp.LocalGradient localGradient;
  private final Precision precision;
  private final Map<String, Value> values = new HashMap<>();
  private final Map<Value, Value> relaid = new HashMap<>();
  private final List<Node> nodes = new ArrayList<>();
  private List<String> dropouts = List.of();
  private boolean drops;
  private boolean batchwise = true;

  GraphReader(Weights weights, Nd4jOp.LocalGradient localGradient, Precision precision) {
    this.weights = weights;
    this.precision = precision;
    this.localGradient = localGradient;
  }

  /** The nodes so far, in order. */
  List<Node> nodes() {
    return nodes;
  }

  /** Whether no view mixes the samples of a batch. */
  boolean batchwise() {
    return batchwise;
  }

  /** Sets which placeholders are dropout masks, and whether dropout is active. */
  void dropouts(List<String> placeholders, boolean drop) {
    dropouts = placeholders;
    drops = drop;
  }

  /** Defines the value of a name in the graph. */
  void define(String name, Value value) {
    values.put(name, value);
  }

  Set<String> known() {
    return values.keySet();
  }

  /** The value of a name in the graph. */
  Value value(String name) {
    Value value = values.get(name);
    if (value == null && weights.contains(name)) {
      INDArray array = weights.array(name);
      value = Value.weight(name, array.dataType(), array.shape().clone());
      values.put(name, value);
    }
    if (value == null) {
      throw new UnplannableException("nothing makes " + name);
    }
    return value;
  }

  /** Adds the nodes of all operations. */
  void read(Ops ops, Collection<String> kept) {
    Map<Op, Runnable> groups = new HashMap<>();
    Set<Op> hidden = new HashSet<>();
    match(ops, new Patterns(ops, Set.copyOf(kept)), groups, hidden);
    for (Op op : ops.ordered()) {
      Runnable group = groups.get(op);
      if (group != null) {
        group.run();
      } else if (!hidden.contains(op)) {
        emit(op);
      }
    }
  }

  private void match(Ops ops, Patterns patterns, Map<Op, Runnable> groups, Set<Op> hidden) {
    for (Op op : ops.ordered()) {
      if (op.is("reshape")) {
        Optional<GroupNormMatch> match = patterns.groupNorm(op);
        match.ifPresent(m -> claim(m.group(), () -> emitGroupNorm(m), groups, hidden));
      } else if (op.is("softmax")) {
        Optional<AttentionMatch> match = patterns.attention(op);
        match.ifPresent(m -> claim(m.group(), () -> emitAttention(m), groups, hidden));
      }
    }
    for (Op op : ops.ordered()) {
      if (op.is("add") && !hidden.contains(op)) {
        patterns
            .sumWith("conv2d", op)
            .ifPresent(m -> claim(m.group(), () -> emitConvolutionSum(m, op), groups, hidden));
        patterns
            .sumWith("matmul", op)
            .ifPresent(m -> claim(m.group(), () -> emitDense(m, op), groups, hidden));
      }
    }
  }

  private static void claim(Group group, Runnable emit, Map<Op, Runnable> groups, Set<Op> hidden) {
    if (group.members().stream().noneMatch(hidden::contains)) {
      hidden.addAll(group.members());
      groups.put(group.last(), emit);
    }
  }

  private void emitGroupNorm(GroupNormMatch m) {
    Value x = image(value(m.x()));
    long channels = x.rank() == 4 ? x.size(1) : 0;
    boolean fits =
        x.rank() == 4
            && channels % m.groups() == 0
            && value(m.gamma()).length() == channels
            && value(m.beta()).length() == channels
            && m.groupSize() == channels / m.groups() * x.size(2) * x.size(3);
    if (!fits) {
      throw new UnplannableException(m.x() + " is normalised in no way that is known");
    }
    Value y = Value.activation(m.group().last().result(), x.shape());
    add(
        GroupNorm.of(
            new GroupNorm.Inputs(
                x,
                rows(m.bias(), x),
                value(m.gamma()),
                value(m.beta()),
                rows(m.scale(), x),
                rows(m.shift(), x)),
            m.groups(),
            m.eps(),
            m.silu(),
            y));
  }

  /** A value with one element per sample and channel of an image. */
  private @Nullable Value rows(@Nullable String name, Value image) {
    if (name == null) {
      return null;
    }
    Value value = value(name);
    if (value.isWeight() || value.length() != image.size(0) * image.size(1)) {
      throw new UnplannableException(name + " is not one value for each sample and channel");
    }
    return value.view(name, image.size(0), image.size(1));
  }

  private void emitAttention(AttentionMatch m) {
    Value q = image(value(m.q()));
    Value k = image(value(m.k()));
    Value v = image(value(m.v()));
    String name = m.group().last().result();
    if (q.rank() != 4 || !q.sameShape(k) || !q.sameShape(v) || q.size(1) % m.headChannels() != 0) {
      throw new UnplannableException(name + " is no attention that is known");
    }
    long heads = q.size(1) / m.headChannels();
    long pixels = q.size(2) * q.size(3);
    Value scores = Value.plain(name + "-scores", q.type(), q.size(0), heads, pixels, pixels);
    Value probabilities = scores.likeThis(name + "-weights");
    Value mixed = Value.activation(name, q.shape());
    nodes.add(
        new Product(
            m.factor(),
            Matrices.heads(q, heads),
            Matrices.heads(k, heads).transposed(),
            null,
            Matrices.of(scores)));
    nodes.add(new Softmax(scores, probabilities));
    add(
        new Product(
            1,
            Matrices.of(probabilities),
            Matrices.heads(v, heads),
            null,
            Matrices.heads(mixed, heads)));
  }

  private void emitConvolutionSum(SumMatch m, Op sum) {
    Value addend = value(m.addend());
    Optional<Convolution> fused =
        convolution(m.operation(), addend.rank() == 4 ? image(addend) : addend, sum.result());
    if (fused.isPresent()) {
      add(fused.get());
    } else {
      emit(m.operation());
      emit(sum);
    }
  }

  private void emitDense(SumMatch m, Op sum) {
    Value bias = value(m.addend());
    Op product = m.operation();
    Value x = value(product.in().get(0));
    Value w = value(product.in().get(1));
    boolean dense = isPlainProduct(product) && x.rank() == 2 && w.rank() == 2;
    if (dense && bias.isWeight() && bias.rank() == 1 && bias.size(0) == w.size(1)) {
      emitProduct(x, w, bias, sum.result());
    } else {
      emit(product);
      emit(sum);
    }
  }

  private static boolean isPlainProduct(Op op) {
    return Arrays.equals(op.integers(), new long[] {0, 0, 0});
  }

  private void emitProduct(Value x, Value w, @Nullable Value bias, String result) {
    Value y = Value.activation(result, x.size(0), w.size(1));
    add(new Product(1, Matrices.of(x), Matrices.of(w), bias, Matrices.of(y)));
  }

  private void emit(Op op) {
    if (op.is("multiply") && dropouts.contains(op.in().get(1))) {
      emitDropout(op, dropouts.indexOf(op.in().get(1)));
      return;
    }
    boolean floats = op.in().stream().allMatch(name -> value(name).type() == DataType.FLOAT);
    boolean done = floats ? emitKnown(op) : emitWithIntegers(op);
    if (!done) {
      emitNd4j(op);
    }
  }

  private boolean emitKnown(Op op) {
    return switch (op.kind()) {
      case "identity" -> emitView(op, value(op.in().get(0)));
      case "reshape" -> emitReshape(op);
      // In ND4J itself their result stays in the input's array.
      case "expand_dims", "squeeze" -> emitReshape(op, shapeOfResult(op));
      case "conv2d" -> emitConvolution(op);
      case "matmul" -> emitMatmul(op);
      case "swish" -> emitSilu(op);
      case "sigmoid" -> emitSigmoid(op);
      case "mul_scalar" -> emitLinear(op, op.scalar(), 0);
      case "div_scalar" -> emitLinear(op, 1 / op.scalar(), 0);
      case "add_scalar" -> emitLinear(op, 1, op.scalar());
      case "sub_scalar" -> emitLinear(op, 1, -op.scalar());
      case "add" -> emitBinary(op, Binary.Kind.ADD);
      case "subtract" -> emitBinary(op, Binary.Kind.SUBTRACT);
      case "multiply" -> emitBinary(op, Binary.Kind.MULTIPLY);
      case "concat" -> emitConcat(op);
      case "split" -> emitSplit(op);
      case "upsampling2d" -> emitUpsampling(op);
      case "avgpool2d" -> emitPooling(op);
      default -> false;
    };
  }

  private boolean emitWithIntegers(Op op) {
    return switch (op.kind()) {
      case "identity" -> emitView(op, value(op.in().get(0)));
      case "reshape" -> emitReshape(op);
      case "expand_dims", "squeeze" -> emitReshape(op, shapeOfResult(op));
      case "gather" -> emitGather(op);
      default -> false;
    };
  }

  private boolean emitGather(Op op) {
    Value table = value(op.in().get(0));
    Value rows = value(op.in().get(1));
    boolean ofRows = op.in().size() == 2 && Arrays.equals(op.integers(), new long[] {0});
    if (!ofRows || table.type() != DataType.FLOAT || table.rank() == 0 || rows.rank() == 0) {
      return false;
    }
    long[] row = Arrays.copyOfRange(table.shape(), 1, table.rank());
    long[] shape = Longs.concat(rows.shape(), row);
    add(new Gather(plain(table), rows, Value.plain(op.result(), DataType.FLOAT, shape)));
    return true;
  }

  private boolean emitView(Op op, Value x) {
    values.put(op.result(), x);
    return true;
  }

  private void emitDropout(Op op, int layer) {
    Value x = image(value(op.in().get(0)));
    if (drops) {
      add(new DropoutOp(op.result(), layer, x, x.likeThis(op.result())));
    } else {
      emitView(op, x);
    }
  }

  private boolean emitReshape(Op op) {
    if (op.in().size() != 1 || op.integers().length < 2 || op.integers()[0] != -'c') {
      return false;
    }
    return emitReshape(op, Arrays.copyOfRange(op.integers(), 1, op.integers().length));
  }

  /**
   * @param sizes the new shape; one size may be negative and is then inferred
   */
  private boolean emitReshape(Op op, long[] sizes) {
    Value x = plain(value(op.in().get(0)));
    long known = 1;
    for (long size : sizes) {
      known *= size < 0 ? 1 : size;
    }
    long[] shape = sizes.clone();
    for (int d = 0; d < shape.length; d++) {
      shape[d] = shape[d] < 0 ? x.length() / known : shape[d];
    }
    batchwise &= x.isWeight() || keepsBatch(op, sizes, x, shape);
    boolean flat = shape.length == 4 && (shape[1] == 1 || shape[2] * shape[3] == 1);
    flat &= !x.isWeight() && x.type() == DataType.FLOAT;
    values.put(
        op.result(), flat ? x.activationView(op.result(), shape) : x.view(op.result(), shape));
    return true;
  }

  /** Whether the first dimension is kept for every batch size. */
  private static boolean keepsBatch(Op op, long[] sizes, Value x, long[] shape) {
    int rank = Math.max(x.rank(), shape.length);
    boolean open =
        op.is("reshape")
            ? sizes.length > 0 && sizes[0] < 0
            : Arrays.stream(op.integers()).allMatch(axis -> axis % rank != 0);
    return open && op.integers().length > 0 && x.rank() > 0 && shape[0] == x.size(0);
  }

  private long[] shapeOfResult(Op op) {
    return shapes(op.function(), List.of(plain(value(op.in().get(0))))).get(0).getShape();
  }

  private boolean emitConvolution(Op op) {
    Optional<Convolution> node = convolution(op, null, op.result());
    node.ifPresent(this::add);
    return node.isPresent();
  }

  /** A convolution that oneDNN supports, if the graph's is one. */
  private Optional<Convolution> convolution(Op op, @Nullable Value addend, String result) {
    long[] i = op.integers();
    boolean simple = op.in().size() == 3 && i.length >= 11 && i[6] == 1 && i[7] == 1;
    if (!simple || i[8] > 1 || i[9] != 0 || i[10] != 0) {
      return Optional.empty();
    }
    Value w = value(op.in().get(1));
    Value b = value(op.in().get(2));
    if (!w.isWeight() || !b.isWeight() || b.rank() != 1) {
      return Optional.empty();
    }
    Value x = image(value(op.in().get(0)));
    long[] strides = {i[2], i[3]};
    long[] before = {i[4], i[5]};
    long[] after = {i[4], i[5]};
    long[] size = new long[2];
    for (int d = 0; d < 2; d++) {
      long in = x.size(2 + d);
      long kernel = w.size(d);
      if (i[8] == 1) {
        size[d] = (in + strides[d] - 1) / strides[d];
        long total = Math.max(0, (size[d] - 1) * strides[d] + kernel - in);
        before[d] = total / 2;
        after[d] = total - before[d];
      } else {
        size[d] = (in + 2 * before[d] - kernel) / strides[d] + 1;
        // Rows that the last window does not reach are not padding.
        after[d] = (size[d] - 1) * strides[d] + kernel - in - before[d];
      }
    }
    Value y = Value.activation(result, x.size(0), w.size(3), size[0], size[1]);
    if (addend != null && !addend.sameShape(y)) {
      return Optional.empty();
    }
    Convolution.Geometry geometry =
        new Convolution.Geometry(Longs.asList(strides), Longs.asList(before), Longs.asList(after));
    return Optional.of(new Convolution(geometry, x, w, b, addend, y, precision));
  }

  private boolean emitMatmul(Op op) {
    Value x = value(op.in().get(0));
    Value w = value(op.in().get(1));
    if (!isPlainProduct(op) || x.rank() != 2 || w.rank() != 2) {
      return false;
    }
    emitProduct(x, w, null, op.result());
    return true;
  }

  private boolean emitSilu(Op op) {
    Value x = value(op.in().get(0));
    add(new Silu(op.result(), x, x.likeThis(op.result())));
    return true;
  }

  private boolean emitSigmoid(Op op) {
    Value x = value(op.in().get(0));
    add(new Sigmoid(op.result(), x, x.likeThis(op.result())));
    return true;
  }

  private boolean emitLinear(Op op, double alpha, double beta) {
    Value x = value(op.in().get(0));
    if (x.type() != DataType.FLOAT) {
      return false;
    }
    add(new Affine(op.result(), alpha, beta, x, x.likeThis(op.result())));
    return true;
  }

  private boolean emitBinary(Op op, Binary.Kind kind) {
    Value a = value(op.in().get(0));
    Value b = value(op.in().get(1));
    if (!a.sameShape(b) || a.type() != DataType.FLOAT || b.type() != DataType.FLOAT) {
      return false;
    }
    if (a.channelsLast() != b.channelsLast()) {
      a = image(a);
      b = image(b);
    }
    add(new Binary(op.result(), kind, a, b, a.likeThis(op.result())));
    return true;
  }

  private boolean emitConcat(Op op) {
    List<Value> parts = new ArrayList<>();
    long channels = 0;
    for (String name : op.in()) {
      Value part = value(name);
      if (part.rank() < 2) {
        return false;
      }
      parts.add(part.rank() == 4 ? image(part) : part);
      channels += part.size(1);
    }
    int rank = parts.get(0).rank();
    if (op.integers().length != 1 || op.integers()[0] != 1 || (rank != 2 && rank != 4)) {
      return false;
    }
    long[] shape = parts.get(0).shape();
    shape[1] = channels;
    add(new Concat(op.result(), parts, Value.activation(op.result(), shape)));
    return true;
  }

  private boolean emitSplit(Op op) {
    long[] i = op.integers();
    Value x = value(op.in().get(0));
    if (op.in().size() != 1 || i.length != 2 || i[1] != 1 || (x.rank() != 2 && x.rank() != 4)) {
      return false;
    }
    Value whole = x.rank() == 4 ? image(x) : x;
    long[] shape = whole.shape();
    shape[1] /= i[0];
    List<Value> parts = new ArrayList<>();
    for (String name : op.out()) {
      parts.add(Value.activation(name, shape));
    }
    add(new Split("split " + op.result(), whole, parts));
    return true;
  }

  private boolean emitUpsampling(Op op) {
    long[] i = op.integers();
    if (i.length < 3 || i[0] != 2 || i[1] != 2 || i[2] != 1) {
      return false;
    }
    Value x = image(value(op.in().get(0)));
    Value y = Value.activation(op.result(), x.size(0), x.size(1), 2 * x.size(2), 2 * x.size(3));
    add(new Resample(op.result(), true, 1, x, y));
    return true;
  }

  private boolean emitPooling(Op op) {
    long[] i = op.integers();
    Value x = value(op.in().get(0));
    boolean halves =
        i.length >= 11
            && Arrays.equals(Arrays.copyOf(i, 6), new long[] {2, 2, 2, 2, 0, 0})
            && i[6] == 1
            && i[7] == 1
            && i[8] == 0
            && i[10] == 0
            && x.size(2) % 2 == 0
            && x.size(3) % 2 == 0;
    if (!halves) {
      return false;
    }
    Value y = Value.activation(op.result(), x.size(0), x.size(1), x.size(2) / 2, x.size(3) / 2);
    add(new Resample(op.result(), false, 0.25, image(x), y));
    return true;
  }

  private void emitNd4j(Op op) {
    DifferentialFunction function = op.function();
    boolean elementwise =
        op.in().size() == 1
            && (function instanceof BaseTransformOp || function instanceof ScalarOp);
    List<Value> in = new ArrayList<>();
    for (String name : op.in()) {
      in.add(elementwise ? value(name) : plain(value(name)));
    }
    for (Value value : in) {
      if (value.type() != DataType.FLOAT
          && !value.isWeight()
          && !READS_INTEGERS.contains(op.kind())) {
        throw new UnplannableException(op.kind() + " may take its shape from " + value.name());
      }
    }
    List<LongShapeDescriptor> shapes = shapes(function, in);
    List<Value> out = new ArrayList<>();
    for (int i = 0; i < op.out().size(); i++) {
      LongShapeDescriptor shape = shapes.get(i);
      if (!Nd4jShapes.isSupported(shape.dataType())) {
        throw new UnplannableException(op.kind() + " makes " + shape.dataType());
      }
      boolean like =
          elementwise && shape.dataType() == DataType.FLOAT && in.get(0).type() == DataType.FLOAT;
      out.add(
          like
              ? in.get(0).likeThis(op.out().get(i))
              : Value.plain(op.out().get(i), shape.dataType(), shape.getShape()));
    }
    add(new Nd4jOp(function, in, out, elementwise, localGradient));
  }

  private List<LongShapeDescriptor> shapes(DifferentialFunction function, List<Value> in) {
    List<INDArray> examples = examples(in);
    try {
      return Nd4jShapes.of(function, examples);
    } finally {
      for (int i = 0; i < in.size(); i++) {
        if (!in.get(i).isWeight()) {
          examples.get(i).close();
        }
      }
    }
  }

  /**
   * Arrays with the values' shapes; for weights the weights themselves, because an operation may
   * need their contents.
   */
  private List<INDArray> examples(List<Value> in) {
    long bytes = 0;
    for (Value value : in) {
      bytes += value.isWeight() ? 0 : value.length() * value.type().width();
    }
    if (bytes >= GATED_BYTES) {
      NativeMemory.require("planning " + in.get(0), bytes);
    }
    List<INDArray> arrays = new ArrayList<>();
    for (Value value : in) {
      arrays.add(
          value.isWeight()
              ? weights.array(value.storage().weight()).reshape('c', value.shape())
              : Nd4j.createUninitialized(value.type(), value.shape()));
    }
    return arrays;
  }

  private void add(Node node) {
    nodes.add(node);
    for (Value output : node.outputs()) {
      values.putIfAbsent(output.name(), output);
    }
  }

  /** The value in C order. */
  Value plain(Value value) {
    if (value.isPlain()) {
      return value;
    }
    return relaid.computeIfAbsent(
        value,
        v -> {
          Value copy = Value.plain(v.name() + "-plain", v.type(), v.shape());
          nodes.add(new Relayout(copy.name(), v, copy));
          return copy;
        });
  }

  /** The value with its channels last. */
  Value image(Value value) {
    if (value.channelsLast() || value.rank() != 4) {
      return value;
    }
    Value last = Value.activation(value.name(), value.shape());
    if (last.isPlain() && !value.isWeight()) {
      return value.activationView(value.name(), value.shape());
    }
    return relaid.computeIfAbsent(
        value,
        v -> {
          nodes.add(new Relayout(v.name() + "-image", v, last));
          return last;
        });
  }
}
