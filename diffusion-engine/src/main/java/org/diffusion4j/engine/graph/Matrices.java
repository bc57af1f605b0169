package org.diffusion4j.engine.graph;

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
