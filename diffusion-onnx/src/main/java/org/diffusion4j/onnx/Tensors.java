package org.diffusion4j.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.internal.HostBytes;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The tensors of one call, by name. Those of arrays in C order share their memory. */
final class Tensors implements AutoCloseable {

  private final OrtEnvironment environment;
  private final Map<String, OnnxTensor> byName = new LinkedHashMap<>();
  private final List<INDArray> copies = new ArrayList<>();

  Tensors(OrtEnvironment environment) {
    this.environment = environment;
  }

  Map<String, OnnxTensor> byName() {
    return byName;
  }

  /**
   * Adds an array.
   *
   * @param array FLOAT; it must stay open and reachable until this is closed
   */
  void add(String name, INDArray array) throws OrtException {
    INDArray rowMajor = array;
    if (!HostBytes.isRowMajor(array)) {
      rowMajor = array.dup('c');
      copies.add(rowMajor);
    }
    put(name, HostBytes.view(rowMajor), array.shape(), OnnxJavaType.FLOAT);
  }

  /**
   * Adds numbers.
   *
   * @param type FLOAT, INT32 or INT64
   */
  void add(String name, double[] values, long[] shape, OnnxJavaType type) throws OrtException {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(type.size * values.length).order(ByteOrder.nativeOrder());
    for (double value : values) {
      switch (type) {
        case FLOAT -> bytes.putFloat((float) value);
        case INT32 -> bytes.putInt((int) value);
        case INT64 -> bytes.putLong((long) value);
        default -> throw new IllegalArgumentException("type must be a number's but was " + type);
      }
    }
    put(name, bytes.flip(), shape, type);
  }

  private void put(String name, ByteBuffer bytes, long[] shape, OnnxJavaType type)
      throws OrtException {
    byName.put(name, OnnxTensor.createTensor(environment, bytes, shape, type));
  }

  @Override
  public void close() {
    byName.values().forEach(OnnxTensor::close);
    copies.forEach(INDArray::close);
  }
}
