package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;

/** The copies of a graph's weights in oneDNN's layouts, shared by all its programs. */
final class PackedWeights implements AutoCloseable {

  private final Weights weights;
  private final Map<String, List<PackedWeight>> copies = new LinkedHashMap<>();

  PackedWeights(Weights weights) {
    this.weights = weights;
  }

  /**
   * The weight in another layout; equal layouts share one copy.
   *
   * @param order the weight's dimension for each dimension of {@code to}
   */
  synchronized PackedWeight of(Value weight, int[] order, Desc to) {
    String name = weight.storage().weight();
    List<PackedWeight> known = copies.computeIfAbsent(name, n -> new ArrayList<>());
    for (PackedWeight copy : known) {
      if (copy.desc().sameAs(to)) {
        return copy;
      }
    }
    PackedWeight copy = create(weight, name, order, to);
    known.add(copy);
    return copy;
  }

  private PackedWeight create(Value weight, String name, int[] order, Desc to) {
    if (!weights.isFrozen(name)) {
      return new OwnedWeight(name, ordered(weight, order), Address.of(weights.array(name)), to);
    }
    return Halves.has(weights.storedType(name)) && to.isFloat()
        ? new NarrowWeight(weights, weight, order, to)
        : new ReadWeight(weights, weight, order, to);
  }

  private static Desc ordered(Value weight, int[] order) {
    long[] shape = weight.shape();
    long[] strides = weight.strides();
    return Desc.strided(
        Arrays.stream(order).mapToLong(d -> shape[d]).toArray(),
        Arrays.stream(order).mapToLong(d -> strides[d]).toArray());
  }

  /** Whether a weight is read from its source when a program is prepared. */
  boolean isFrozen(Value weight) {
    return weight.isWeight() && weights.isFrozen(weight.storage().weight());
  }

  /** The memory of the copies that are allocated. */
  synchronized long bytes() {
    return copies.values().stream()
        .flatMap(List::stream)
        .filter(PackedWeight::isAllocated)
        .mapToLong(PackedWeight::bytes)
        .sum();
  }

  @Override
  public synchronized void close() {
    copies.values().stream().flatMap(List::stream).forEach(PackedWeight::close);
    copies.clear();
  }
}
