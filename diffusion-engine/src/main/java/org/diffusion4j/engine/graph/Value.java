package org.diffusion4j.engine.graph;

import java.util.Arrays;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A tensor of a plan. An activation of rank 4 has the shape {@code [batch, channels, height,
 * width]} and is stored with channels last. Everything else is stored in C order.
 */
public final class Value {

  private final String name;
  private final DataType type;
  private final boolean channelsLast;
  private final Storage storage;
  private final long[] shape;

  private Value(String name, long[] shape, DataType type, boolean channelsLast, Storage storage) {
    this.name = name;
    this.shape = shape;
    this.type = type;
    this.channelsLast = channelsLast;
    this.storage = storage;
  }

  /** A result, or a copy of a placeholder. */
  public static Value activation(String name, long... shape) {
    return new Value(
        name, shape, DataType.FLOAT, shape.length == 4, new Storage(requireLength(name, shape)));
  }

  /** A result in C order for any rank. */
  public static Value plain(String name, DataType type, long... shape) {
    long length = requireLength(name, shape);
    Storage storage =
        type == DataType.FLOAT ? new Storage(length) : Storage.of(Storage.Kind.APART, name, length);
    return new Value(name, shape, type, false, storage);
  }

  public static Value weight(String name, DataType type, long... shape) {
    return new Value(
        name, shape, type, false, Storage.of(Storage.Kind.WEIGHT, name, length(shape)));
  }

  /** The same memory with another shape, in C order. */
  public Value view(String viewName, long... other) {
    return new Value(viewName, other, type, false, storage);
  }

  /** The same memory with another shape, with channels last if it has rank 4. */
  public Value activationView(String viewName, long... other) {
    return new Value(viewName, other, type, other.length == 4, storage);
  }

  /** A new value with the layout of this one. */
  public Value likeThis(String otherName) {
    return type == DataType.FLOAT
        ? new Value(otherName, shape, type, channelsLast, new Storage(length()))
        : plain(otherName, type, shape);
  }

  /** A new value for the gradient with respect to this one, with the same layout. */
  public Value gradient() {
    return likeThis(name + "-grad");
  }

  public String name() {
    return name;
  }

  public DataType type() {
    return type;
  }

  /** Whether it is an image that is stored with channels last. */
  public boolean channelsLast() {
    return channelsLast;
  }

  public Storage storage() {
    return storage;
  }

  public long[] shape() {
    return shape.clone();
  }

  public int rank() {
    return shape.length;
  }

  public long size(int dimension) {
    return shape[dimension];
  }

  public long length() {
    return length(shape);
  }

  public boolean sameShape(Value other) {
    return Arrays.equals(shape, other.shape);
  }

  public boolean isWeight() {
    return storage.kind() == Storage.Kind.WEIGHT;
  }

  /** Whether it is stored in C order. */
  public boolean isPlain() {
    return !channelsLast || shape[1] == 1 || shape[2] * shape[3] == 1;
  }

  /** The strides in memory of each dimension of the shape. */
  public long[] strides() {
    if (channelsLast) {
      long c = shape[1];
      long w = shape[3];
      return new long[] {shape[2] * w * c, 1, w * c, c};
    }
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int d = shape.length - 1; d >= 0; d--) {
      strides[d] = stride;
      stride *= shape[d];
    }
    return strides;
  }

  /** The maximum number of floats in a Java buffer. */
  private static final long MOST = Integer.MAX_VALUE / Float.BYTES;

  private static long requireLength(String name, long[] shape) {
    long length = 1;
    for (long size : shape) {
      length = NativeMemory.product(length, size);
    }
    if (length > MOST) {
      throw new TooLargeException(
          name + " must have at most " + MOST + " values but would have " + length);
    }
    return length;
  }

  public static long length(long[] shape) {
    long length = 1;
    for (long size : shape) {
      length = Math.multiplyExact(length, size);
    }
    return length;
  }

  @Override
  public String toString() {
    return name + Arrays.toString(shape);
  }
}
