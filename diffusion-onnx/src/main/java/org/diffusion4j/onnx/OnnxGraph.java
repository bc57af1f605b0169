package org.diffusion4j.onnx;

import com.google.common.primitives.Ints;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import onnx.Onnx.AttributeProto;
import onnx.Onnx.GraphProto;
import onnx.Onnx.NodeProto;
import onnx.Onnx.TensorProto;
import onnx.Onnx.TensorShapeProto;
import onnx.Onnx.TypeProto;
import onnx.Onnx.ValueInfoProto;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.protobuf.ByteString;

/**
 * An ONNX graph that is being made of a SameDiff graph. The values of both have the same names; the
 * number of dimensions of each is known.
 */
final class OnnxGraph {

  /** The name of the first size of all inputs and of the output. */
  static final String BATCH = "batch";

  private final SameDiff source;
  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("denoiser");
  private final Map<String, String> names = new HashMap<>();
  private final Map<String, Integer> ranks = new HashMap<>();
  private final Set<String> constants = new HashSet<>();
  private final List<Initializer> initializers = new ArrayList<>();
  private int made;

  OnnxGraph(SameDiff source) {
    this.source = source;
  }

  /** The nodes, inputs, outputs and small constants. */
  GraphProto proto() {
    return graph.build();
  }

  /** The weights, which the proto does not have. */
  List<Initializer> initializers() {
    return initializers;
  }

  /**
   * The name of a value of the SameDiff graph. A weight becomes a constant when it is first used.
   */
  String value(String name) {
    String known = names.get(name);
    if (known != null) {
      return known;
    }
    INDArray array = array(name);
    if (array == null) {
      throw new IllegalArgumentException(
          "values must be computed, or be inputs or weights, to be exported but "
              + Shown.text(name)
              + " is not");
    }
    initializers.add(Initializer.of(name, array));
    alias(name, name, array.rank());
    return name;
  }

  /** The array of a weight or a constant; null for any other value. */
  @Nullable INDArray array(String name) {
    SDVariable variable = source.getVariable(name);
    VariableType type = variable.getVariableType();
    return type == VariableType.VARIABLE || type == VariableType.CONSTANT
        ? variable.getArr()
        : null;
  }

  /**
   * A weight with its dimensions in another order, as a constant; another value is transposed when
   * the graph runs.
   *
   * @param order dimension d of the result is dimension {@code order[d]} of the value
   */
  String ordered(String name, int... order) {
    INDArray array = names.containsKey(name) ? null : array(name);
    if (array == null) {
      long[] permutation = Arrays.stream(order).asLongStream().toArray();
      return add("Transpose", List.of(value(name)), Attributes.of("perm", permutation));
    }
    String constant = name + Arrays.toString(order).replace(" ", "");
    if (constants.add(constant)) {
      initializers.add(new Initializer(constant, array, Ints.asList(order)));
    }
    return constant;
  }

  /** The type of a value of the SameDiff graph. */
  DataType type(String name) {
    return source.getVariable(name).dataType();
  }

  /** The number of dimensions of a value of the SameDiff graph. */
  int rank(String name) {
    Integer known = ranks.get(name);
    INDArray array = known == null ? array(name) : null;
    if (array != null) {
      return array.rank();
    }
    value(name); // Fails for what is unknown.
    return known == null ? 0 : known;
  }

  /** A dimension that may count from the end. */
  int dimension(long axis, int rank) {
    return Math.toIntExact(axis < 0 ? axis + rank : axis);
  }

  /** Gives a value of the SameDiff graph the name of a value of this graph. */
  void alias(String name, String onnx, int rank) {
    names.put(name, onnx);
    ranks.put(name, rank);
  }

  /** Adds the operation that computes a value of the SameDiff graph. */
  void define(String name, int rank, String type, List<String> in, AttributeProto... attributes) {
    node(type, in, List.of(name), attributes);
    alias(name, name, rank);
  }

  /** Adds an operation in between and returns the name of its result. */
  String add(String type, List<String> in, AttributeProto... attributes) {
    return add(type, in, 1, attributes).get(0);
  }

  /** Adds an operation with several results. */
  List<String> add(String type, List<String> in, int results, AttributeProto... attributes) {
    List<String> out = new ArrayList<>();
    for (int i = 0; i < results; i++) {
      out.add(type + "#" + made++);
    }
    node(type, in, out, attributes);
    return out;
  }

  private void node(String type, List<String> in, List<String> out, AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType(type)
            .setName(out.get(0))
            .addAllInput(in)
            .addAllOutput(out)
            .addAllAttribute(List.of(attributes)));
  }

  /** A one-dimensional INT64 constant, for shapes and axes. */
  String longs(long... values) {
    ByteBuffer bytes = buffer(Long.BYTES * values.length);
    bytes.asLongBuffer().put(values);
    return small("int64" + Arrays.toString(values), DataType.INT64, bytes, values.length);
  }

  /** A one-dimensional FLOAT constant. */
  String floats(float... values) {
    ByteBuffer bytes = buffer(Float.BYTES * values.length);
    bytes.asFloatBuffer().put(values);
    return small("float" + Arrays.toString(values), DataType.FLOAT, bytes, values.length);
  }

  /** A number of a type, without dimensions. */
  String scalar(double value, DataType type) {
    ByteBuffer bytes = buffer(type.width());
    switch (type) {
      case FLOAT -> bytes.putFloat(0, (float) value);
      case DOUBLE -> bytes.putDouble(0, value);
      case INT -> bytes.putInt(0, (int) value);
      case LONG -> bytes.putLong(0, (long) value);
      default ->
          throw new IllegalArgumentException(
              "numbers must be FLOAT, DOUBLE, INT or LONG to be exported but one was " + type);
    }
    return small(type + "(" + value + ")", type, bytes);
  }

  private String small(String content, DataType type, ByteBuffer bytes, long... shape) {
    String name = content.replace(" ", "");
    if (constants.add(name)) {
      TensorProto.Builder tensor =
          TensorProto.newBuilder()
              .setName(name)
              .setDataType(Initializer.code(type))
              .setRawData(ByteString.copyFrom(bytes));
      for (long size : shape) {
        tensor.addDims(size);
      }
      graph.addInitializer(tensor);
    }
    return name;
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * An input of the model.
   *
   * @param shape the first size is the batch; negative sizes are open
   */
  void input(String name, DataType type, long... shape) {
    graph.addInput(info(name, type, shape));
  }

  /** Makes a value of the SameDiff graph the output of the model. */
  void output(String name, long... shape) {
    String computed = value(name);
    if (!computed.equals(name)) {
      node("Identity", List.of(computed), List.of(name));
    }
    graph.addOutput(info(name, DataType.FLOAT, shape));
  }

  private static ValueInfoProto info(String name, DataType type, long... shape) {
    TensorShapeProto.Builder dimensions = TensorShapeProto.newBuilder();
    for (int d = 0; d < shape.length; d++) {
      TensorShapeProto.Dimension.Builder dimension = TensorShapeProto.Dimension.newBuilder();
      if (d == 0) {
        dimension.setDimParam(BATCH);
      } else if (shape[d] < 0) {
        dimension.setDimParam(name + "_" + d);
      } else {
        dimension.setDimValue(shape[d]);
      }
      dimensions.addDim(dimension);
    }
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(Initializer.code(type)).setShape(dimensions);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
