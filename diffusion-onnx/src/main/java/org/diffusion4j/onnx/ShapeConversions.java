package org.diffusion4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.diffusion4j.engine.samediff.Op;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;

/** Operations that move, select, join or convert values. */
final class ShapeConversions {

  private ShapeConversions() {}

  static void addTo(Map<String, Conversion> table) {
    table.put("identity", (op, to) -> to.alias(op.result(), x(op, to), rank(op, to)));
    table.put("reshape", ShapeConversions::reshape);
    table.put("permute", ShapeConversions::permute);
    table.put("transpose", ShapeConversions::transpose);
    table.put("expand_dims", (op, to) -> withAxes(op, to, "Unsqueeze", 1));
    table.put("squeeze", (op, to) -> withAxes(op, to, "Squeeze", -1));
    table.put("concat", ShapeConversions::concat);
    table.put("stack", ShapeConversions::stack);
    table.put("unstack", ShapeConversions::unstack);
    table.put("split", ShapeConversions::split);
    table.put("split_v", ShapeConversions::splitSizes);
    table.put("slice", ShapeConversions::slice);
    table.put("strided_slice", ShapeConversions::stridedSlice);
    table.put("gather", ShapeConversions::gather);
    table.put("tile", ShapeConversions::tile);
    table.put("pad", ShapeConversions::pad);
    table.put("zeroslike", (op, to) -> filled(op, to, 0));
    table.put("ones_as", (op, to) -> filled(op, to, 1));
    table.put("cast", ShapeConversions::cast);
    table.put("onehot", ShapeConversions::oneHot);
  }

  private static void reshape(Op op, OnnxGraph to) {
    long[] settings = op.integers();
    long[] shape =
        op.in().size() == 2
            ? constants(op, to, 1)
            : Arrays.copyOfRange(settings, Math.min(1, settings.length), settings.length);
    boolean rowMajor = settings.length == 0 || settings[0] == -'c';
    boolean plain = LongStream.of(shape).filter(size -> size < 0).count() <= 1;
    if (!rowMajor || !plain || LongStream.of(shape).anyMatch(size -> size == 0)) {
      throw new IllegalArgumentException(
          "its shape must be in C order with positive sizes, and -1 at most once, but was "
              + Arrays.toString(shape));
    }
    to.define(op.result(), shape.length, "Reshape", List.of(x(op, to), to.longs(shape)));
  }

  private static void permute(Op op, OnnxGraph to) {
    requireInputs(op, 1);
    int rank = rank(op, to);
    long[] order = LongStream.of(op.integers()).map(axis -> to.dimension(axis, rank)).toArray();
    to.define(op.result(), rank, "Transpose", List.of(x(op, to)), Attributes.of("perm", order));
  }

  private static void transpose(Op op, OnnxGraph to) {
    requireInputs(op, 1);
    to.define(op.result(), rank(op, to), "Transpose", List.of(x(op, to)));
  }

  /** Adds or removes dimensions of size 1. */
  private static void withAxes(Op op, OnnxGraph to, String type, int change) {
    long[] axes = op.integers();
    requireInputs(op, 1);
    if (axes.length == 0) {
      throw new IllegalArgumentException("its axes must be given");
    }
    to.define(
        op.result(), rank(op, to) + change * axes.length, type, List.of(x(op, to), to.longs(axes)));
  }

  private static void concat(Op op, OnnxGraph to) {
    List<String> parts = op.in().stream().map(to::value).toList();
    to.define(op.result(), rank(op, to), "Concat", parts, Attributes.of("axis", integer(op, 0)));
  }

  private static void stack(Op op, OnnxGraph to) {
    int rank = rank(op, to) + 1;
    long axis = to.dimension(integer(op, 0), rank);
    List<String> parts =
        op.in().stream()
            .map(name -> to.add("Unsqueeze", List.of(to.value(name), to.longs(axis))))
            .toList();
    to.define(op.result(), rank, "Concat", parts, Attributes.of("axis", axis));
  }

  private static void unstack(Op op, OnnxGraph to) {
    int rank = rank(op, to);
    long axis = to.dimension(integer(op, 0), rank);
    int count = op.out().size();
    List<String> parts =
        to.add(
            "Split",
            List.of(x(op, to)),
            count,
            Attributes.of("axis", axis),
            Attributes.of("num_outputs", count));
    for (int i = 0; i < count; i++) {
      to.define(op.out().get(i), rank - 1, "Squeeze", List.of(parts.get(i), to.longs(axis)));
    }
  }

  private static void split(Op op, OnnxGraph to) {
    requireInputs(op, 1);
    int count = op.out().size();
    long axis = op.integers().length > 1 ? integer(op, 1) : 0;
    List<String> parts =
        to.add(
            "Split",
            List.of(x(op, to)),
            count,
            Attributes.of("axis", axis),
            Attributes.of("num_outputs", count));
    aliases(op, to, parts);
  }

  private static void splitSizes(Op op, OnnxGraph to) {
    List<String> parts =
        to.add(
            "Split",
            List.of(x(op, to), to.longs(constants(op, to, 1))),
            op.out().size(),
            Attributes.of("axis", integer(op, 0)));
    aliases(op, to, parts);
  }

  private static void aliases(Op op, OnnxGraph to, List<String> parts) {
    for (int i = 0; i < parts.size(); i++) {
      to.alias(op.out().get(i), parts.get(i), rank(op, to));
    }
  }

  private static void slice(Op op, OnnxGraph to) {
    requireInputs(op, 1);
    int rank = rank(op, to);
    long[] begin = Arrays.copyOf(op.integers(), rank);
    long[] size = Arrays.copyOfRange(op.integers(), rank, 2 * rank);
    long[] end = new long[rank];
    for (int d = 0; d < rank; d++) {
      end[d] = size[d] < 0 ? Long.MAX_VALUE : begin[d] + size[d];
    }
    List<String> in = List.of(x(op, to), to.longs(begin), to.longs(end), to.longs(range(rank)));
    to.define(op.result(), rank, "Slice", in);
  }

  /** Masks have a bit for each dimension: where to ignore the begin or the end, what to drop. */
  private static void stridedSlice(Op op, OnnxGraph to) {
    requireInputs(op, 1);
    long[] settings = op.integers();
    int count = (settings.length - 5) / 3;
    if (settings[1] != 0 || settings[3] != 0) {
      throw new IllegalArgumentException("its range must have no ellipsis and no new axis");
    }
    long[] begin = new long[count];
    long[] end = new long[count];
    long[] step = Arrays.copyOfRange(settings, 5 + 2 * count, 5 + 3 * count);
    List<Long> dropped = new ArrayList<>();
    for (int d = 0; d < count; d++) {
      boolean drops = (settings[4] >> d & 1) == 1;
      boolean forward = step[d] > 0;
      boolean first = !drops && (settings[0] >> d & 1) == 1;
      boolean last = !drops && (settings[2] >> d & 1) == 1;
      begin[d] = first ? (forward ? 0 : Long.MAX_VALUE) : settings[5 + d];
      end[d] = last ? (forward ? Long.MAX_VALUE : Long.MIN_VALUE) : settings[5 + count + d];
      if (drops) {
        end[d] = begin[d] == -1 ? Long.MAX_VALUE : begin[d] + 1;
        step[d] = 1;
        dropped.add((long) d);
      }
    }
    List<String> in =
        List.of(x(op, to), to.longs(begin), to.longs(end), to.longs(range(count)), to.longs(step));
    int rank = rank(op, to);
    if (dropped.isEmpty()) {
      to.define(op.result(), rank, "Slice", in);
    } else {
      long[] axes = dropped.stream().mapToLong(Long::longValue).toArray();
      to.define(
          op.result(), rank - axes.length, "Squeeze", List.of(to.add("Slice", in), to.longs(axes)));
    }
  }

  private static void gather(Op op, OnnxGraph to) {
    boolean listed = op.in().size() == 1;
    int rows = listed ? 1 : to.rank(op.in().get(1));
    String indices =
        listed
            ? to.longs(Arrays.copyOfRange(op.integers(), 1, op.integers().length))
            : to.value(op.in().get(1));
    to.define(
        op.result(),
        rank(op, to) - 1 + rows,
        "Gather",
        List.of(x(op, to), indices),
        Attributes.of("axis", integer(op, 0)));
  }

  private static void tile(Op op, OnnxGraph to) {
    long[] times = op.in().size() == 2 ? constants(op, to, 1) : op.integers();
    to.define(op.result(), rank(op, to), "Tile", List.of(x(op, to), to.longs(times)));
  }

  private static void pad(Op op, OnnxGraph to) {
    int rank = rank(op, to);
    long[] byDimension = constants(op, to, 1);
    long[] pads = new long[2 * rank];
    for (int d = 0; d < rank; d++) {
      pads[d] = byDimension[2 * d];
      pads[rank + d] = byDimension[2 * d + 1];
    }
    long mode = integer(op, 0);
    if (mode > 1) {
      throw new IllegalArgumentException("its mode must be constant or reflect");
    }
    double value = ((CustomOp) op.function()).tArgs()[0];
    to.define(
        op.result(),
        rank,
        "Pad",
        List.of(x(op, to), to.longs(pads), to.scalar(value, to.type(op.in().get(0)))),
        Attributes.of("mode", mode == 0 ? "constant" : "reflect"));
  }

  private static void filled(Op op, OnnxGraph to, double value) {
    DataType type = to.type(op.result());
    String shape = to.add("Shape", List.of(x(op, to)));
    to.define(op.result(), rank(op, to), "Expand", List.of(to.scalar(value, type), shape));
  }

  private static void cast(Op op, OnnxGraph to) {
    to.define(
        op.result(),
        rank(op, to),
        "Cast",
        List.of(x(op, to)),
        Attributes.of("to", Initializer.code(to.type(op.result()))));
  }

  private static void oneHot(Op op, OnnxGraph to) {
    requireInputs(op, 1);
    int rank = rank(op, to) + 1;
    double[] values = ((CustomOp) op.function()).tArgs();
    int axis = to.dimension(integer(op, 0), rank);
    String hot = hot(to, x(op, to), to.type(op.in().get(0)), integer(op, 1), axis, rank);
    DataType type = to.type(op.result());
    String on = to.scalar(values.length > 0 ? values[0] : 1, type);
    String off = to.scalar(values.length > 1 ? values[1] : 0, type);
    to.define(op.result(), rank, "Where", List.of(hot, on, off));
  }

  /**
   * Whether each position along a new dimension is the number there; for numbers outside of the
   * dimension it is false everywhere, while ONNX's own operation counts negative ones from the end.
   *
   * @param numbers the name of the numbers
   * @param type of the numbers
   * @param depth size of the new dimension
   * @param axis the new dimension
   * @param rank number of dimensions of the result
   */
  static String hot(OnnxGraph to, String numbers, DataType type, long depth, int axis, int rank) {
    String each = to.add("Unsqueeze", List.of(numbers, to.longs(axis)));
    String whole =
        type == DataType.INT64
            ? each
            : to.add("Cast", List.of(each), Attributes.of("to", Initializer.code(DataType.INT64)));
    long[] shape = new long[rank - axis];
    Arrays.fill(shape, 1);
    shape[0] = -1;
    String positions =
        to.add("Reshape", List.of(to.longs(range(Math.toIntExact(depth))), to.longs(shape)));
    return to.add("Equal", List.of(whole, positions));
  }

  private static long[] range(int count) {
    return LongStream.range(0, count).toArray();
  }

  private static String x(Op op, OnnxGraph to) {
    return to.value(op.in().get(0));
  }

  private static int rank(Op op, OnnxGraph to) {
    return to.rank(op.in().get(0));
  }

  private static long integer(Op op, int setting) {
    long[] settings = op.integers();
    if (settings.length <= setting) {
      throw new IllegalArgumentException("its settings must be constant");
    }
    return settings[setting];
  }

  /** The values of an input that is a constant. */
  private static long[] constants(Op op, OnnxGraph to, int input) {
    INDArray array = to.array(op.in().get(input));
    if (array == null) {
      throw new IllegalArgumentException(
          op.in().get(input) + " must be a constant but is computed");
    }
    return array.reshape(array.length()).toLongVector();
  }

  private static void requireInputs(Op op, int count) {
    if (op.in().size() != count) {
      throw new IllegalArgumentException("its settings must be constant");
    }
  }
}
