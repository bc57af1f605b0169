package org.diffusion4j.engine.graph;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The weights and constants of a graph, and the offsets of the weights' gradients. */
public final class Weights {

  /** The offsets of gradients are multiples of this number of floats, a cache line. */
  private static final int ALIGNMENT = 16;

  private final Map<String, INDArray> arrays;
  private final Map<String, Long> offsets = new LinkedHashMap<>();
  private final long gradientFloats;
  private final AtomicLong version = new AtomicLong();

  /**
   * @param variables arrays that have gradients, each contiguous and in C order
   * @param constants the others
   */
  public Weights(Map<String, INDArray> variables, Map<String, INDArray> constants) {
    arrays = new HashMap<>(constants);
    arrays.putAll(variables);
    long offset = 0;
    for (Map.Entry<String, INDArray> entry : variables.entrySet()) {
      offsets.put(entry.getKey(), offset);
      offset += (entry.getValue().length() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    gradientFloats = offset;
  }

  public boolean contains(String name) {
    return arrays.containsKey(name);
  }

  public INDArray array(String name) {
    return Objects.requireNonNull(arrays.get(name), name);
  }

  /** The offset of a weight's gradient in the gradient of all weights. */
  public long offset(String name) {
    return Objects.requireNonNull(offsets.get(name), name);
  }

  /** The length of the gradient of all weights. */
  public long gradientFloats() {
    return gradientFloats;
  }

  /** Records that the weights may have changed. */
  public void changed() {
    version.incrementAndGet();
  }

  /** A number that increases with each change. */
  public long version() {
    return version.get();
  }
}
