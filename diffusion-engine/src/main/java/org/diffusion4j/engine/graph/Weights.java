package org.diffusion4j.plan;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.diffusion4j.internal.Address;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The weights and constants of a graph, and the packed copies that all its plans share. */
final class WeightStore implements AutoCloseable {

  /** Floats between the starts of gradients are multiples of this, a cache line. */
  private static final int ALIGNMENT = 16;

  private final Map<String, INDArray> arrays;
  private final Map<String, Long> offsets = new LinkedHashMap<>();
  private final Map<String, List<PackedWeight>> packed = new LinkedHashMap<>();
  private final long gradientFloats;
  private final AtomicLong version = new AtomicLong();

  /**
   * @param variables what has a gradient; every array contiguous and in C order
   * @param constants the others
   */
  WeightStore(Map<String, INDArray> variables, Map<String, INDArray> constants) {
    arrays = new HashMap<>(constants);
    arrays.putAll(variables);
    long offset = 0;
    for (Map.Entry<String, INDArray> entry : variables.entrySet()) {
      offsets.put(entry.getKey(), offset);
      offset += (entry.getValue().length() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    gradientFloats = offset;
  }

  boolean contains(String name) {
    return arrays.containsKey(name);
  }

  INDArray array(String name) {
    return Objects.requireNonNull(arrays.get(name), name);
  }

  long address(String name) {
    return Address.of(array(name));
  }

  /** Where a weight's gradient begins in the gradient of all. */
  long offset(String name) {
    return Objects.requireNonNull(offsets.get(name), name);
  }

  /** The length of the gradient of all weights. */
  long gradientFloats() {
    return gradientFloats;
  }

  /** The weight in another layout; one copy for all who ask for the same. */
  synchronized PackedWeight packed(Value weight, Desc from, Desc to) {
    List<PackedWeight> copies =
        packed.computeIfAbsent(weight.storage.weight(), name -> new ArrayList<>());
    for (PackedWeight copy : copies) {
      if (copy.desc().sameAs(to)) {
        return copy;
      }
    }
    PackedWeight copy = new PackedWeight(from, address(weight.storage.weight()), to);
    copies.add(copy);
    return copy;
  }

  /** Notes that the weights may have changed. */
  void changed() {
    version.incrementAndGet();
  }

  long version() {
    return version.get();
  }

  @Override
  public synchronized void close() {
    packed.values().stream().flatMap(List::stream).forEach(PackedWeight::close);
    packed.clear();
  }
}
