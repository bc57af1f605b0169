package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
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

  /** The weight in another layout; equal layouts share one copy. */
  synchronized PackedWeight of(Value weight, Desc from, Desc to) {
    String name = weight.storage().weight();
    List<PackedWeight> known = copies.computeIfAbsent(name, n -> new ArrayList<>());
    for (PackedWeight copy : known) {
      if (copy.desc().sameAs(to)) {
        return copy;
      }
    }
    PackedWeight copy = new PackedWeight(from, Address.of(weights.array(name)), to);
    known.add(copy);
    return copy;
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
