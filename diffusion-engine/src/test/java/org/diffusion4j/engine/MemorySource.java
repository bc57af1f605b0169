package org.diffusion4j.engine;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.engine.graph.WeightSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Weights in another order than the graph's, as a file of PyTorch has them. */
final class MemorySource implements WeightSource {

  private final Map<String, INDArray> weights = new LinkedHashMap<>();
  private final DataType type;
  final Map<String, Integer> reads = new TreeMap<>();
  boolean closed;

  /**
   * @param type of the values in the source
   */
  MemorySource(Map<String, INDArray> weights, DataType type) {
    this.weights.putAll(weights);
    this.type = type;
  }

  @Override
  public Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    weights.forEach((name, array) -> shapes.put(name, array.shape()));
    return shapes;
  }

  @Override
  public DataType type(String name) {
    return type;
  }

  @Override
  public synchronized void read(String name, Consumer<INDArray> use) {
    reads.merge(name, 1, Integer::sum);
    INDArray array = weights.get(name);
    int[] order = array.rank() == 4 ? new int[] {3, 2, 0, 1} : new int[] {1, 0};
    int[] back = array.rank() == 4 ? new int[] {2, 3, 1, 0} : new int[] {1, 0};
    boolean transposed = array.rank() % 2 == 0;
    try (INDArray stored = (transposed ? array.permute(order) : array).dup('c')) {
      use.accept(transposed ? stored.permute(back) : stored);
    }
  }

  @Override
  public void close() {
    closed = true;
  }
}
