package org.diffusion4j.onnx;

import com.google.common.primitives.Ints;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.IntStream;
import onnx.Onnx.TensorProto;
import org.diffusion4j.internal.HostBytes;
import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A constant of an ONNX graph, whose values are an array's.
 *
 * @param name of the constant
 * @param array the values; not changed or closed
 * @param order dimension d of the constant is dimension {@code order.get(d)} of the array
 */
record Initializer(String name, INDArray array, List<Integer> order) {

  Initializer {
    order = List.copyOf(order);
  }

  /** The constant without its values. */
  TensorProto.Builder header() {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(code(array.dataType()));
    for (int d : order) {
      tensor.addDims(array.size(d));
    }
    return tensor;
  }

  /** The length of the values in bytes. */
  long bytes() {
    return array.length() * array.dataType().width();
  }

  /** Writes the values in C order, little-endian. */
  void writeTo(OutputStream out) throws IOException {
    try {
      Detached.run(() -> write(out));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void write(OutputStream out) {
    INDArray ordered = order.equals(unchanged(array)) ? array : array.permute(Ints.toArray(order));
    try {
      HostBytes.take(
          ordered,
          (bytes, start) -> {
            byte[] piece = new byte[bytes.remaining()];
            bytes.get(piece);
            out.write(piece);
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Integer> unchanged(INDArray array) {
    return IntStream.range(0, array.rank()).boxed().toList();
  }

  /** ONNX's number of a type. */
  static int code(DataType type) {
    TensorProto.DataType code =
        switch (type) {
          case FLOAT -> TensorProto.DataType.FLOAT;
          case DOUBLE -> TensorProto.DataType.DOUBLE;
          case INT -> TensorProto.DataType.INT32;
          case LONG -> TensorProto.DataType.INT64;
          case BOOL -> TensorProto.DataType.BOOL;
          default ->
              throw new IllegalArgumentException(
                  "types must be FLOAT, DOUBLE, INT, LONG or BOOL to be exported but one was "
                      + type);
        };
    return code.getNumber();
  }

  /** A constant with the dimensions of an array. */
  static Initializer of(String name, INDArray array) {
    return new Initializer(name, array, unchanged(array));
  }
}
