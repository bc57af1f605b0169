package org.diffusion4j.engine.graph;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights and constants of a graph, and the offsets of the weights' gradients. The weights are
 * arrays of the graph, or <i>frozen</i>: read from a {@link WeightSource}, and held here only if a
 * kernel needs one as an array.
 */
public final class Weights implements AutoCloseable {

  /** The offsets of gradients are multiples of this number of floats, a cache line. */
  private static final int ALIGNMENT = 16;

  private final Map<String, INDArray> arrays;
  private final @Nullable WeightSource source;
  private final Map<String, long[]> frozen;
  private final Map<String, INDArray> held = new ConcurrentHashMap<>();
  private final Map<String, Long> offsets = new LinkedHashMap<>();
  private final long gradientFloats;
  private final AtomicLong version = new AtomicLong();

  /**
   * @param variables arrays that have gradients, each contiguous and in C order
   * @param constants the others
   */
  public Weights(Map<String, INDArray> variables, Map<String, INDArray> constants) {
    this(variables, constants, null);
  }

  /**
   * Frozen weights, which have no gradients.
   *
   * @param source of the weights; closed with this
   * @param constants arrays of the graph
   */
  public Weights(WeightSource source, Map<String, INDArray> constants) {
    this(Map.of(), constants, source);
  }

  private Weights(
      Map<String, INDArray> variables,
      Map<String, INDArray> constants,
      @Nullable WeightSource source) {
    this.source = source;
    frozen = source == null ? Map.of() : new LinkedHashMap<>(source.shapes());
    frozen.keySet().removeAll(constants.keySet());
    arrays = new LinkedHashMap<>(constants);
    arrays.putAll(variables);
    long offset = 0;
    for (Map.Entry<String, INDArray> entry : variables.entrySet()) {
      offsets.put(entry.getKey(), offset);
      offset += (entry.getValue().length() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    gradientFloats = offset;
  }

  public boolean contains(String name) {
    return arrays.containsKey(name) || isFrozen(name);
  }

  /** Whether a weight is read from a {@link WeightSource}. */
  public boolean isFrozen(String name) {
    return frozen.containsKey(name);
  }

  public long[] shape(String name) {
    long[] shape = frozen.get(name);
    return shape == null ? array(name).shape().clone() : shape.clone();
  }

  /** The type in a plan, which is FLOAT for all frozen weights. */
  public DataType type(String name) {
    return isFrozen(name) ? DataType.FLOAT : array(name).dataType();
  }

  /** The type in which a weight is stored. */
  public DataType storedType(String name) {
    return isFrozen(name) ? source().type(name) : array(name).dataType();
  }

  /** A weight as an array in C order; a frozen one is read at the first call and then held. */
  public INDArray array(String name) {
    if (isFrozen(name)) {
      return held.computeIfAbsent(name, this::copy);
    }
    return Objects.requireNonNull(arrays.get(name), name);
  }

  private INDArray copy(String name) {
    AtomicReference<INDArray> copy = new AtomicReference<>();
    source().read(name, values -> copy.set(values.dup('c')));
    return Objects.requireNonNull(copy.get(), name);
  }

  /** Whether {@link #array} has a weight without reading it. */
  public boolean isHeld(String name) {
    return !isFrozen(name) || held.containsKey(name);
  }

  /** The memory of the frozen weights that are held, in bytes. */
  public long heldBytes() {
    return held.values().stream().mapToLong(array -> array.length() * Float.BYTES).sum();
  }

  /**
   * Reads a frozen weight without holding it.
   *
   * @param use called with the values in any strides, valid only during the call
   */
  public void read(String name, Consumer<INDArray> use) {
    source().read(name, use);
  }

  private WeightSource source() {
    return Objects.requireNonNull(source, "source");
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

  /** Frees the frozen weights and closes their source; the graph keeps its arrays. */
  @Override
  public void close() {
    held.values().forEach(INDArray::close);
    held.clear();
    if (source != null) {
      source.close();
    }
  }
}
