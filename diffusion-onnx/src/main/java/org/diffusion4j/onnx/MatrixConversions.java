package org.diffusion4j.onnx;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.diffusion4j.engine.samediff.LayerNormMatch;
import org.diffusion4j.engine.samediff.Op;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.BaseReduceOp;
import org.nd4j.linalg.api.ops.CustomOp;

/** Products of matrices, reductions, softmax and layer norms. */
final class MatrixConversions {

  /** Only prevents a division by 0: ND4J's layer norm has no epsilon. */
  private static final double LAYER_NORM_EPS = 1e-30;

  private MatrixConversions() {}

  static void addTo(Map<String, Conversion> table) {
    table.put("matmul", MatrixConversions::product);
    table.put("xw_plus_b", MatrixConversions::dense);
    table.put("biasadd", MatrixConversions::bias);
    table.put("softmax", (op, to) -> alongAxis(op, to, "Softmax"));
    table.put("log_softmax", (op, to) -> alongAxis(op, to, "LogSoftmax"));
    table.put("layer_norm", MatrixConversions::layerNorm);
    Map.of(
            "reduce_mean", "ReduceMean",
            "reduce_sum", "ReduceSum",
            "reduce_max", "ReduceMax",
            "reduce_min", "ReduceMin",
            "reduce_prod", "ReduceProd",
            "reduce_norm1", "ReduceL1",
            "reduce_norm2", "ReduceL2")
        .forEach((kind, type) -> table.put(kind, (op, to) -> reduce(op, to, type)));
  }

  private static void product(Op op, OnnxGraph to) {
    long[] transposed = op.integers();
    double[] scales = ((CustomOp) op.function()).tArgs();
    String a = operand(op, to, 0, transposed.length > 0 && transposed[0] != 0);
    String b = operand(op, to, 1, transposed.length > 1 && transposed[1] != 0);
    int rank = Math.max(to.rank(op.in().get(0)), to.rank(op.in().get(1)));
    boolean plain = scales.length == 0 || (scales[0] == 1 && Arrays.stream(scales).sum() == 1);
    if (!plain || (transposed.length > 2 && transposed[2] != 0)) {
      throw new IllegalArgumentException("its product must be neither scaled nor transposed");
    }
    to.define(op.result(), rank, "MatMul", List.of(a, b));
  }

  private static String operand(Op op, OnnxGraph to, int input, boolean transposed) {
    String name = op.in().get(input);
    if (!transposed) {
      return to.value(name);
    }
    int rank = to.rank(name);
    int[] order = IntStream.range(0, rank).toArray();
    order[rank - 2] = rank - 1;
    order[rank - 1] = rank - 2;
    return to.ordered(name, order);
  }

  private static void dense(Op op, OnnxGraph to) {
    boolean plain = Arrays.stream(op.integers()).allMatch(setting -> setting == 0);
    if (op.in().size() != 3 || !plain) {
      throw new IllegalArgumentException("its operands must not be transposed");
    }
    List<String> in = op.in().stream().map(to::value).toList();
    String product = to.add("MatMul", in.subList(0, 2));
    to.define(op.result(), to.rank(op.in().get(0)), "Add", List.of(product, in.get(2)));
  }

  /** Adds one value for each channel, the second dimension or the last. */
  private static void bias(Op op, OnnxGraph to) {
    int rank = to.rank(op.in().get(0));
    boolean second = op.function() instanceof CustomOp custom && custom.getBArgument(0);
    String bias = to.value(op.in().get(1));
    if (second && rank > 2) {
      long[] shape = new long[rank - 1];
      Arrays.fill(shape, 1);
      shape[0] = -1;
      bias = to.add("Reshape", List.of(bias, to.longs(shape)));
    }
    to.define(op.result(), rank, "Add", List.of(to.value(op.in().get(0)), bias));
  }

  private static void alongAxis(Op op, OnnxGraph to, String type) {
    long axis = op.integers().length == 0 ? -1 : op.integers()[0];
    to.define(
        op.result(),
        to.rank(op.in().get(0)),
        type,
        List.of(to.value(op.in().get(0))),
        Attributes.of("axis", axis));
  }

  private static void layerNorm(Op op, OnnxGraph to) {
    int rank = to.rank(op.in().get(0));
    long[] axes = op.integers();
    if (axes.length != 1 || to.dimension(axes[0], rank) != rank - 1) {
      throw new IllegalArgumentException(
          "its axis must be the last one but was " + Arrays.toString(axes));
    }
    layerNorm(to, op.result(), op.in(), LAYER_NORM_EPS);
  }

  /** A layer norm written out in the SameDiff graph, over any dimension. */
  static void layerNorm(LayerNormMatch m, OnnxGraph to) {
    int rank = to.rank(m.x());
    if (m.dimension() == rank - 1 && to.rank(m.gamma()) == 1 && to.rank(m.beta()) == 1) {
      layerNorm(to, m.group().result(), List.of(m.x(), m.gamma(), m.beta()), m.eps());
      return;
    }
    String x = to.value(m.x());
    String axis = to.longs(m.dimension());
    String centred = to.add("Sub", List.of(x, to.add("ReduceMean", List.of(x, axis))));
    String square = to.add("Mul", List.of(centred, centred));
    String variance = to.add("ReduceMean", List.of(square, axis));
    String eps = to.scalar(m.eps(), DataType.FLOAT);
    String deviation = to.add("Sqrt", List.of(to.add("Add", List.of(variance, eps))));
    String normal = to.add("Div", List.of(centred, deviation));
    String scaled = to.add("Mul", List.of(normal, to.value(m.gamma())));
    to.define(m.group().result(), rank, "Add", List.of(scaled, to.value(m.beta())));
  }

  /**
   * Normalises the last dimension.
   *
   * @param in names of the values, the factors and, maybe, the summands
   */
  static void layerNorm(OnnxGraph to, String result, List<String> in, double eps) {
    to.define(
        result,
        to.rank(in.get(0)),
        "LayerNormalization",
        in.stream().map(to::value).toList(),
        Attributes.of("axis", -1),
        Attributes.of("epsilon", eps));
  }

  private static void reduce(Op op, OnnxGraph to, String type) {
    BaseReduceOp reduce = (BaseReduceOp) op.function();
    int rank = to.rank(op.in().get(0));
    int[] given = op.in().size() == 1 ? reduce.getDimensions() : null;
    if (given == null) {
      throw new IllegalArgumentException("its dimensions must be constant");
    }
    boolean all = given.length == 0 || given[0] == Integer.MAX_VALUE;
    long[] axes =
        all
            ? IntStream.range(0, rank).asLongStream().toArray()
            : Arrays.stream(given).mapToLong(axis -> to.dimension(axis, rank)).toArray();
    boolean keeps = reduce.isKeepDims();
    String x = to.value(op.in().get(0));
    to.define(
        op.result(),
        keeps ? rank : rank - axes.length,
        type,
        List.of(x, to.longs(axes)),
        Attributes.of("keepdims", keeps ? 1 : 0));
  }
}
