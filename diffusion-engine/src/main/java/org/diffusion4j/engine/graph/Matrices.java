package org.diffusion4j.engine.graph;

import java.util.Arrays;
import java.util.List;

/** A view of a value as matrices. */
public final class Matrices {

  private final Value value;
  private final long[] dims;
  private final long[] strides;

  /**
   * @param value the value
   * @param dims batch dimensions if any, rows, columns
   * @param strides of each dimension, in floats
   */
  private Matrices(Value value, long[] dims, long[] strides) {
    this.value = value;
    this.dims = dims;
    this.strides = strides;
  }

  public Value value() {
    return value;
  }

  public int rank() {
    return dims.length;
  }

  public long columns() {
    return dims[dims.length - 1];
  }

  /** The view of a value in C order whose last two dimensions are rows and columns. */
  public static Matrices of(Value value) {
    return new Matrices(value, value.shape(), value.strides());
  }

  /**
   * The heads of an image {@code [batch, channels, height, width]}: for each sample and head a
   * matrix of pixels and the head's channels.
   */
  public static Matrices heads(Value image, long heads) {
    long channels = image.size(1);
    long pixels = image.size(2) * image.size(3);
    long perHead = channels / heads;
    return new Matrices(
        image,
        new long[] {image.size(0), heads, pixels, perHead},
        new long[] {pixels * channels, perHead, channels, 1});
  }

  /** Whether a value can be {@link #repeated}. */
  public static boolean canRepeat(Value value, long[] dims) {
    int lacking = dims.length - value.rank();
    for (int d = 0; lacking >= 0 && d < value.rank(); d++) {
      if (value.size(d) != 1 && value.size(d) != dims[lacking + d]) {
        return false;
      }
    }
    return lacking >= 0;
  }

  /**
   * A value in C order repeated along the dimensions that it lacks, which are the first, and those
   * in which it has size 1; all of these have the stride 0.
   */
  public static Matrices repeated(Value value, long[] dims) {
    long[] own = value.strides();
    long[] strides = new long[dims.length];
    int lacking = dims.length - value.rank();
    for (int d = 0; d < own.length; d++) {
      strides[lacking + d] = value.size(d) == 1 ? 0 : own[d];
    }
    return new Matrices(value, dims, strides);
  }

  /** With the dimensions in another order: dimension d is this one's {@code order[d]}. */
  public Matrices permuted(List<Integer> order) {
    long[] d = order.stream().mapToLong(i -> dims[i]).toArray();
    long[] s = order.stream().mapToLong(i -> strides[i]).toArray();
    return new Matrices(value, d, s);
  }

  /** With the first dimension divided into two, of which the first has a size. */
  public Matrices divided(long first) {
    long rest = dims[0] / first;
    return new Matrices(
        value,
        withFirstTwo(first, rest, dims),
        withFirstTwo(strides[0] * rest, strides[0], strides));
  }

  /** A copy with two values in place of the first one. */
  private static long[] withFirstTwo(long first, long second, long[] values) {
    long[] changed = new long[values.length + 1];
    changed[0] = first;
    changed[1] = second;
    System.arraycopy(values, 1, changed, 2, values.length - 1);
    return changed;
  }

  public Matrices in(Value other) {
    return new Matrices(other, dims, strides);
  }

  public Matrices transposed() {
    long[] d = dims.clone();
    long[] s = strides.clone();
    int last = d.length - 1;
    d[last] = dims[last - 1];
    d[last - 1] = dims[last];
    s[last] = strides[last - 1];
    s[last - 1] = strides[last];
    return new Matrices(value, d, s);
  }

  public long dim(int dimension) {
    return dims[dimension];
  }

  /** Whether another view has the same dimensions at the same places. */
  public boolean sameAs(Matrices other) {
    return Arrays.equals(dims, other.dims) && Arrays.equals(strides, other.strides);
  }

  /** Whether the values of a row are contiguous. */
  public boolean byRows() {
    return strides[strides.length - 1] == 1;
  }

  /** Batch dimensions if any, rows, columns. */
  public long[] dims() {
    return dims.clone();
  }

  /** The stride of each dimension, in floats. */
  public long[] strides() {
    return strides.clone();
  }
}
