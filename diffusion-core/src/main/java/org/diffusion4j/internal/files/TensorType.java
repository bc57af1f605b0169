package org.diffusion4j.internal.files;

import java.util.Arrays;
import java.util.Optional;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The supported element types of safetensors files, in the reverse of the order in which the
 * Hugging Face library writes tensors.
 */
public enum TensorType {
  BOOL(DataType.BOOL, 1),
  U8(DataType.UINT8, 1),
  I8(DataType.INT8, 1),
  I16(DataType.INT16, 2),
  F16(DataType.FLOAT16, 2),
  BF16(DataType.BFLOAT16, 2),
  I32(DataType.INT32, 4),
  F32(DataType.FLOAT, 4),
  F64(DataType.DOUBLE, 8),
  I64(DataType.INT64, 8);

  /** The ND4J type with the same bits. */
  public final DataType dataType;

  /** Bytes per element. */
  public final int width;

  TensorType(DataType dataType, int width) {
    this.dataType = dataType;
    this.width = width;
  }

  public static Optional<TensorType> named(String name) {
    return Arrays.stream(values()).filter(t -> t.name().equals(name)).findAny();
  }

  /**
   * @throws IllegalArgumentException if the format does not have this type
   */
  public static TensorType of(DataType dataType) {
    return Arrays.stream(values())
        .filter(t -> t.dataType == dataType)
        .findAny()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "data type must be one of "
                        + Arrays.stream(values()).map(t -> t.dataType).toList()
                        + " but was "
                        + dataType));
  }
}
