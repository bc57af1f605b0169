package org.diffusion4j.benchmarks;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import onnx.Onnx.AttributeProto;
import onnx.Onnx.AttributeProto.AttributeType;
import onnx.Onnx.GraphProto;
import onnx.Onnx.ModelProto;
import onnx.Onnx.NodeProto;
import onnx.Onnx.OperatorSetIdProto;
import onnx.Onnx.StringStringEntryProto;
import onnx.Onnx.TensorProto;
import onnx.Onnx.TensorProto.DataType;
import onnx.Onnx.TensorShapeProto;
import onnx.Onnx.TypeProto;
import onnx.Onnx.ValueInfoProto;
import org.jspecify.annotations.Nullable;
import org.nd4j.shade.protobuf.ByteString;

/** Builds and writes an ONNX model with known shapes. */
final class OnnxGraph {

  private static final int IR_VERSION = 8;
  private static final int OPERATOR_SET = 17;
  private static final String CONTRIBUTED_DOMAIN = "com.microsoft";
  private static final long PAGE = 4096;

  /** Prefix of operations that the runtime has beside ONNX's. */
  static final String CONTRIBUTED = "com.microsoft.";

  private final @Nullable Path data;
  private long dataEnd;
  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("unet");
  private final Map<String, Value> initializers = new HashMap<>();
  private int nodes;

  /** A tensor of the graph. */
  static final class Value {

    private final String name;
    private final long[] shape;

    private Value(String name, long... shape) {
      this.name = name;
      this.shape = shape;
    }

    long size(int dimension) {
      return shape[dimension];
    }

    long[] shape() {
      return shape.clone();
    }
  }

  /** A model that is one file. */
  OnnxGraph() {
    this(null);
  }

  /**
   * A model whose constants are in a file of their own, as those of more than 2 GB must be.
   *
   * @param data that file, in the model's folder
   */
  OnnxGraph(@Nullable Path data) {
    this.data = data;
  }

  /** A FLOAT input of the model. */
  Value input(String name, long... shape) {
    graph.addInput(info(name, shape));
    return new Value(name, shape);
  }

  /** A FLOAT constant; an existing one with the same name is reused. */
  Value floats(String name, float[] values, long... shape) {
    return initializers.computeIfAbsent(
        name,
        absent -> {
          ByteBuffer bytes =
              ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
          bytes.asFloatBuffer().put(values);
          return initializer(name, DataType.FLOAT, bytes, shape);
        });
  }

  /** A one-dimensional INT64 constant, for shapes and sizes. */
  Value integers(long... values) {
    String name = "integers" + Arrays.toString(values);
    return initializers.computeIfAbsent(
        name,
        absent -> {
          ByteBuffer bytes =
              ByteBuffer.allocate(Long.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
          bytes.asLongBuffer().put(values);
          return initializer(name, DataType.INT64, bytes, values.length);
        });
  }

  private Value initializer(String name, DataType type, ByteBuffer bytes, long... shape) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(type.getNumber());
    if (data == null || bytes.remaining() < PAGE) {
      tensor.setRawData(ByteString.copyFrom(bytes));
    } else {
      append(data, bytes, tensor);
    }
    for (long size : shape) {
      tensor.addDims(size);
    }
    graph.addInitializer(tensor);
    return new Value(name, shape);
  }

  private void append(Path file, ByteBuffer bytes, TensorProto.Builder tensor) {
    int length = bytes.remaining();
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      for (long at = dataEnd; bytes.hasRemaining(); ) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    tensor
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(entry("location", file.getFileName().toString()))
        .addExternalData(entry("offset", String.valueOf(dataEnd)))
        .addExternalData(entry("length", String.valueOf(length)));
    dataEnd += (length + PAGE - 1) / PAGE * PAGE; // So that it can be mapped.
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** The result of an operation; the caller gives its shape. */
  Value node(String operation, List<Value> inputs, long[] shape, AttributeProto... attributes) {
    return nodes(operation, inputs, shape, 1, attributes).get(0);
  }

  /** The results of an operation with several results of one shape. */
  List<Value> nodes(
      String operation, List<Value> inputs, long[] shape, int count, AttributeProto... attributes) {
    NodeProto.Builder node = NodeProto.newBuilder();
    if (operation.startsWith(CONTRIBUTED)) {
      node.setDomain(CONTRIBUTED_DOMAIN).setOpType(operation.substring(CONTRIBUTED.length()));
    } else {
      node.setOpType(operation);
    }
    inputs.forEach(input -> node.addInput(input.name));
    node.addAllAttribute(List.of(attributes));
    Value[] outputs = new Value[count];
    for (int i = 0; i < count; i++) {
      outputs[i] = new Value("v" + nodes++, shape);
      node.addOutput(outputs[i].name);
    }
    graph.addNode(node);
    return List.of(outputs);
  }

  /** The value of an omitted input. */
  static Value none() {
    return new Value("");
  }

  static AttributeProto attribute(String name, long value) {
    return named(name, AttributeType.INT).setI(value).build();
  }

  static AttributeProto attribute(String name, double value) {
    return named(name, AttributeType.FLOAT).setF((float) value).build();
  }

  static AttributeProto attribute(String name, String value) {
    return named(name, AttributeType.STRING).setS(ByteString.copyFromUtf8(value)).build();
  }

  static AttributeProto attribute(String name, long... values) {
    AttributeProto.Builder attribute = named(name, AttributeType.INTS);
    for (long value : values) {
      attribute.addInts(value);
    }
    return attribute.build();
  }

  private static AttributeProto.Builder named(String name, AttributeType type) {
    return AttributeProto.newBuilder().setName(name).setType(type);
  }

  /** Makes a value the output of the model. */
  void output(Value value) {
    graph.addOutput(info(value.name, value.shape));
  }

  private static ValueInfoProto info(String name, long... shape) {
    TensorShapeProto.Builder dimensions = TensorShapeProto.newBuilder();
    for (long size : shape) {
      dimensions.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(DataType.FLOAT.getNumber()).setShape(dimensions);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }

  void write(Path file) throws IOException {
    ModelProto model =
        ModelProto.newBuilder()
            .setIrVersion(IR_VERSION)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(OPERATOR_SET))
            .addOpsetImport(
                OperatorSetIdProto.newBuilder().setDomain(CONTRIBUTED_DOMAIN).setVersion(1))
            .setGraph(graph)
            .build();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      model.writeTo(out);
    }
  }
}
