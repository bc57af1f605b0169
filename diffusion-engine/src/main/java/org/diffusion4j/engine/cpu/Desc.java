package org.diffusion4j.engine.cpu;

import static org.diffusion4j.engine.cpu.OneDnn.check;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.IntPointer;
import org.diffusion4j.engine.graph.Matrices;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.Value;

/** oneDNN's description of a shape, a type and a layout. */
final class Desc implements AutoCloseable {

  private final dnnl_memory_desc handle;
  private final boolean owned;

  private Desc(dnnl_memory_desc handle, boolean owned) {
    this.handle = handle;
    this.owned = owned;
  }

  /** A description that is owned elsewhere. */
  static Desc borrowed(dnnl_memory_desc handle) {
    return new Desc(handle, false);
  }

  /** The layout of a value in memory. */
  static Desc of(Value value) {
    return strided(value.shape(), value.strides());
  }

  /** The layout of a value seen as one row. */
  static Desc flat(Value value) {
    return strided(new long[] {value.length()}, new long[] {1});
  }

  static Desc of(Matrices matrices) {
    return matrices(matrices.dims(), matrices.strides());
  }

  /**
   * The layout of matrices. A matrix of one row, such as a transposed column, is described as a
   * row: with the stride of a column oneDNN 3.11 gives products of zeros with AVX-512.
   */
  static Desc matrices(long[] dims, long[] strides) {
    int row = dims.length - 2;
    long[] described = strides.clone();
    if (dims[row] == 1) {
      described[row] = dims[row + 1] * strides[row + 1];
    }
    return strided(dims, described);
  }

  private static int type(Precision precision) {
    return switch (precision) {
      case FLOAT32 -> dnnl.dnnl_f32;
      case BFLOAT16 -> dnnl.dnnl_bf16;
    };
  }

  static Desc strided(long[] dims, long[] strides) {
    return strided(Precision.FLOAT32, dims, strides);
  }

  /** The layout of a value in memory with another precision. */
  static Desc of(Precision precision, Value value) {
    return strided(precision, value.shape(), value.strides());
  }

  private static Desc strided(Precision precision, long[] dims, long[] strides) {
    dnnl_memory_desc handle = new dnnl_memory_desc();
    check(
        dnnl.dnnl_memory_desc_create_with_strides(
            handle, dims.length, dims, type(precision), strides),
        "memory description");
    return new Desc(handle, true);
  }

  /** Any layout; oneDNN chooses. */
  static Desc any(Precision precision, long... dims) {
    dnnl_memory_desc handle = new dnnl_memory_desc();
    check(
        dnnl.dnnl_memory_desc_create_with_tag(
            handle, dims.length, dims, type(precision), dnnl.dnnl_format_tag_any),
        "memory description");
    return new Desc(handle, true);
  }

  dnnl_memory_desc handle() {
    return handle;
  }

  /** Whether its values are floats of 32 bits. */
  boolean isFloat() {
    try (IntPointer type = new IntPointer(1)) {
      check(
          dnnl.dnnl_memory_desc_query(handle, dnnl.dnnl_query_data_type, type),
          "memory description");
      return type.get() == dnnl.dnnl_f32;
    }
  }

  /** Its memory in floats. */
  long floats() {
    return (dnnl.dnnl_memory_desc_get_size(handle) + Float.BYTES - 1) / Float.BYTES;
  }

  /** A copy with its own lifetime. */
  Desc copy() {
    dnnl_memory_desc copy = new dnnl_memory_desc();
    check(dnnl.dnnl_memory_desc_clone(copy, handle), "memory description");
    return new Desc(copy, true);
  }

  boolean sameAs(Desc other) {
    return dnnl.dnnl_memory_desc_equal(handle, other.handle) != 0;
  }

  @Override
  public void close() {
    if (owned) {
      dnnl.dnnl_memory_desc_destroy(handle);
    }
  }
}
