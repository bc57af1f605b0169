package org.diffusion4j.engine.graph;

import java.util.Map;
import java.util.function.Consumer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Weights that a graph does not own, such as those in a file: their shapes are known, their values
 * are read when they are needed. The values never change. Thread-safe.
 */
public interface WeightSource extends AutoCloseable {

  /** The shapes of all weights by name, as the graph has them. */
  Map<String, long[]> shapes();

  /**
   * The type in which a weight is stored. {@link #read} converts FLOAT16 and BFLOAT16 to FLOAT
   * without a change of value.
   */
  DataType type(String name);

  /**
   * Reads a weight.
   *
   * @param use called once with the values: FLOAT, of the graph's shape, with any strides; the
   *     array is closed afterwards
   * @throws java.io.UncheckedIOException if it cannot be read
   */
  void read(String name, Consumer<INDArray> use);

  /** Releases what reading needs. */
  @Override
  void close();
}
