package org.diffusion4j.internal.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The names and shapes of weights, with the layout and the names of {@link Layers}. */
public final class WeightShapes {

  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final Grid grid;

  public WeightShapes() {
    this(Grid.PLANE);
  }

  public WeightShapes(Grid grid) {
    this.grid = grid;
  }

  /** All shapes in the order of their addition. */
  public Map<String, long[]> all() {
    return shapes;
  }

  public void dense(String name, long in, long out) {
    add(name + ".weight", in, out);
    add(name + ".bias", out);
  }

  public void denseWithoutBias(String name, long in, long out) {
    add(name + ".weight", in, out);
  }

  public void conv(String name, long in, long out, int kernel) {
    add(name + ".weight", grid.height(kernel, 1), kernel, in, out);
    add(name + ".bias", out);
  }

  public void norm(String name, long channels) {
    add(name + ".weight", channels);
    add(name + ".bias", channels);
  }

  public void timeMlp(String name, long in, long out) {
    dense(name + ".linear_1", in, out);
    dense(name + ".linear_2", out, out);
  }

  public void add(String name, long... shape) {
    shapes.put(name, shape);
  }

  /**
   * Checks before allocation that weights fit into memory.
   *
   * @throws IllegalArgumentException if not; the message has the number of weights, their bytes and
   *     the limit
   */
  public static void requireMemory(Map<String, long[]> shapes) {
    long all = 0;
    for (long[] shape : shapes.values()) {
      all = NativeMemory.sum(all, NativeMemory.product(shape));
    }
    long bytes = NativeMemory.product(all, Float.BYTES);
    long available = NativeMemory.available();
    // Plans check the memory of frozen weights, which may be narrower.
    if (bytes > available && !Frozen.isBuilding()) {
      throw new IllegalArgumentException(
          "weights must fit into the "
              + NativeMemory.megabytes(available)
              + " of memory that are available but are "
              + all
              + " of "
              + NativeMemory.megabytes(bytes));
    }
    for (Map.Entry<String, long[]> weight : shapes.entrySet()) {
      long values = NativeMemory.product(weight.getValue());
      if (values > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "weights must have less than 2^31 values each but "
                + weight.getKey()
                + " has "
                + values);
      }
    }
  }

  /**
   * New arrays without values, for {@link Layers#sharing} after they are read from a file.
   *
   * @return FLOAT, in the order of the shapes; owned by the caller
   * @throws IllegalArgumentException if they exceed memory; nothing is allocated then
   */
  public static Map<String, INDArray> allocate(Map<String, long[]> shapes) {
    requireMemory(shapes);
    return Detached.get(
        () -> {
          Map<String, INDArray> arrays = new LinkedHashMap<>();
          shapes.forEach(
              (name, shape) -> arrays.put(name, Nd4j.createUninitialized(DataType.FLOAT, shape)));
          return arrays;
        });
  }
}
