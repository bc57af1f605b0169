package org.diffusion4j.engine.graph;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

/**
 * The layout of the block of memory that holds all results of a plan. Results whose lifetimes do
 * not overlap share memory. The largest are placed first, each in the smallest gap that fits.
 */
public final class Arena {

  /** Floats in a cache line; all offsets are multiples of it. */
  private static final int LINE = 16;

  private final Map<Node, Storage> scratch = new IdentityHashMap<>();
  private final long floats;

  /**
   * @param nodes in the order of their execution
   * @param scratchOf temporary memory of a node's kernel, in floats
   * @param last values that are read after the last node
   */
  public Arena(List<? extends Node> nodes, ToLongFunction<Node> scratchOf, List<Value> last) {
    for (int i = 0; i < nodes.size(); i++) {
      Node node = nodes.get(i);
      for (Value value : node.inputs()) {
        value.storage().touch(i);
      }
      for (Value value : node.outputs()) {
        value.storage().touch(i);
      }
      long floatsOfScratch = scratchOf.applyAsLong(node);
      if (floatsOfScratch > 0) {
        Storage storage = new Storage(floatsOfScratch);
        storage.touch(i);
        scratch.put(node, storage);
      }
    }
    last.forEach(value -> value.storage().touch(nodes.size()));
    for (int i = 0; i < nodes.size(); i++) {
      reuseInput(nodes.get(i), i);
    }
    floats = place(storages(nodes));
  }

  /** Lets a node overwrite an input that is not read later. */
  private static void reuseInput(Node node, int index) {
    Storage output = node.outputs().isEmpty() ? null : node.outputs().get(0).storage();
    if (output == null || output.kind() != Storage.Kind.ARENA) {
      return;
    }
    for (Value input : node.overwritable()) {
      Storage candidate = input.storage();
      if (candidate.kind() == Storage.Kind.ARENA
          && candidate.root() != output.root()
          && candidate.last() == index
          && candidate.floats() == output.floats()) {
        output.merge(candidate);
        return;
      }
    }
  }

  private Set<Storage> storages(List<? extends Node> nodes) {
    Set<Storage> all = Collections.newSetFromMap(new IdentityHashMap<>());
    all.addAll(scratch.values());
    for (Node node : nodes) {
      for (Value value : node.outputs()) {
        if (value.storage().kind() == Storage.Kind.ARENA) {
          all.add(value.storage().root());
        }
      }
    }
    return all;
  }

  private static long place(Set<Storage> storages) {
    List<Storage> bySize = new ArrayList<>(storages);
    bySize.sort(
        Comparator.comparingLong(Storage::floats)
            .reversed()
            .thenComparingInt(Storage::first)
            .thenComparingInt(Storage::last));
    List<Storage> placed = new ArrayList<>();
    long end = 0;
    for (Storage storage : bySize) {
      List<Storage> inTheWay =
          placed.stream()
              .filter(storage::overlapsInTime)
              .sorted(Comparator.comparingLong(Storage::offset))
              .toList();
      storage.place(gap(inTheWay, lines(storage)));
      end = Math.max(end, storage.offset() + lines(storage));
      placed.add(storage);
    }
    return end;
  }

  private static long gap(List<Storage> inTheWay, long size) {
    long best = -1;
    long bestSize = Long.MAX_VALUE;
    long at = 0;
    for (Storage other : inTheWay) {
      long free = other.offset() - at;
      if (free >= size && free < bestSize) {
        best = at;
        bestSize = free;
      }
      at = Math.max(at, other.offset() + lines(other));
    }
    return best >= 0 ? best : at;
  }

  private static long lines(Storage storage) {
    return (storage.floats() + LINE - 1) / LINE * LINE;
  }

  /** The size of the block. */
  public long floats() {
    return floats;
  }

  /** The temporary memory of each node that needs it. */
  public Map<Node, Storage> scratch() {
    return scratch;
  }
}
