package org.diffusion4j.engine.samediff;

import com.google.common.primitives.Ints;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.engine.graph.Concat;
import org.diffusion4j.engine.graph.Permute;
import org.diffusion4j.engine.graph.Split;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.nd4j.linalg.api.buffer.DataType;

/** Converts operations that move or reshape values to views and nodes. */
final class Views {

  private final Reading reading;
  private final Nd4jReader nd4j;

  Views(Reading reading, Nd4jReader nd4j) {
    this.reading = reading;
    this.nd4j = nd4j;
  }

  boolean identity(Op op) {
    reading.define(op.result(), reading.value(op.in().get(0)));
    return true;
  }

  boolean reshape(Op op) {
    if (op.in().size() != 1 || op.integers().length < 2 || op.integers()[0] != -'c') {
      return false;
    }
    return reshape(op, Arrays.copyOfRange(op.integers(), 1, op.integers().length));
  }

  /**
   * @param sizes the new shape; one size may be negative and is then inferred
   */
  private boolean reshape(Op op, long[] sizes) {
    Value x = reading.plain(reading.value(op.in().get(0)));
    long known = 1;
    for (long size : sizes) {
      known *= size < 0 ? 1 : size;
    }
    long[] shape = sizes.clone();
    for (int d = 0; d < shape.length; d++) {
      shape[d] = shape[d] < 0 ? x.length() / known : shape[d];
    }
    if (Value.length(shape) != x.length()) {
      throw new UnplannableException(x + " cannot have the shape " + Arrays.toString(shape));
    }
    if (!x.isWeight() && !keepsSamples(op, sizes, x, shape)) {
      reading.mixesSamples();
    }
    boolean flat = shape.length == 4 && (shape[1] == 1 || shape[2] * shape[3] == 1);
    flat &= !x.isWeight() && x.type() == DataType.FLOAT;
    reading.define(
        op.result(), flat ? x.activationView(op.result(), shape) : x.view(op.result(), shape));
    return true;
  }

  /**
   * Whether each sample has the same number of rows before and after, and would have in a batch of
   * any size.
   */
  private boolean keepsSamples(Op op, long[] sizes, Value x, long[] shape) {
    int rank = Math.max(x.rank(), shape.length);
    boolean open =
        op.is("reshape")
            ? sizes.length > 0 && sizes[0] < 0
            : Arrays.stream(op.integers()).allMatch(axis -> axis % rank != 0);
    int batch = reading.batch();
    return open
        && op.integers().length > 0
        && x.rank() > 0
        && (shape[0] == x.size(0) || (shape[0] % batch == 0 && x.size(0) % batch == 0));
  }

  /** In ND4J itself their result stays in the input's array. */
  boolean sizesOfOne(Op op) {
    return reshape(op, shapeOfResult(op));
  }

  private long[] shapeOfResult(Op op) {
    return nd4j.shapes(op.function(), List.of(reading.plain(reading.value(op.in().get(0)))))
        .get(0)
        .getShape();
  }

  boolean permutation(Op op) {
    Value x = reading.value(op.in().get(0));
    int[] order = Ints.toArray(Arrays.stream(op.integers()).boxed().toList());
    boolean fits =
        op.in().size() == 1
            && order.length == x.rank()
            && Arrays.stream(order).allMatch(d -> d >= 0)
            && x.type() == DataType.FLOAT;
    if (fits) {
      Permute node = Permute.of(op.result(), x, Ints.asList(order));
      Value view = x.isWeight() ? null : node.view();
      if (view == null) {
        reading.add(node);
      } else {
        reading.define(op.result(), view);
      }
    }
    return fits;
  }

  /** Joins values along any dimension but the first. */
  boolean concat(Op op) {
    List<Value> parts = op.in().stream().map(reading::value).toList();
    Value first = parts.get(0);
    int rank = first.rank();
    long[] i = op.integers();
    int dimension = i.length == 1 ? (int) (i[0] < 0 ? i[0] + rank : i[0]) : 0;
    if (dimension < 1 || dimension >= rank || parts.stream().anyMatch(p -> p.rank() != rank)) {
      return false;
    }
    long[] shape = first.shape();
    shape[dimension] = parts.stream().mapToLong(part -> part.size(dimension)).sum();
    if (dimension == 1 && rank == 4) {
      Value whole = Value.activation(op.result(), shape);
      reading.add(new Concat(op.result(), parts.stream().map(reading::image).toList(), whole));
      return true;
    }
    List<Value> rows = new ArrayList<>();
    for (Value part : parts) {
      rows.add(rows(reading.plain(part), dimension));
    }
    Value whole = Value.plain(op.result(), DataType.FLOAT, shape);
    reading.add(new Concat(op.result(), rows, rows(whole, dimension)));
    reading.define(op.result(), whole);
    return true;
  }

  /** Splits a value along any dimension but the first. */
  boolean split(Op op) {
    long[] i = op.integers();
    Value x = reading.value(op.in().get(0));
    int rank = x.rank();
    int dimension = i.length == 2 ? (int) (i[1] < 0 ? i[1] + rank : i[1]) : 0;
    if (op.in().size() != 1 || dimension < 1 || dimension >= rank) {
      return false;
    }
    boolean channels = dimension == 1 && rank == 4;
    long[] shape = x.shape();
    shape[dimension] /= i[0];
    List<Value> parts = new ArrayList<>();
    for (String name : op.out()) {
      Value part =
          channels ? Value.activation(name, shape) : Value.plain(name, DataType.FLOAT, shape);
      reading.define(name, part);
      parts.add(channels ? part : rows(part, dimension));
    }
    Value whole = channels ? reading.image(x) : rows(reading.plain(x), dimension);
    reading.add(new Split("split " + op.result(), whole, parts));
    return true;
  }

  /** A value as a matrix whose columns are all that follows a dimension, and this one. */
  private static Value rows(Value value, int dimension) {
    long columns = 1;
    for (int d = dimension; d < value.rank(); d++) {
      columns *= value.size(d);
    }
    return value.view(value.name(), value.length() / columns, columns);
  }
}
