package org.diffusion4j.engine.cpu;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.stream.IntStream;
import org.diffusion4j.engine.graph.Value;

/** Creates and owns the native objects of kernels. */
final class KernelContext implements AutoCloseable {

  private final PackedWeights packed;
  private final Deque<Runnable> closers = new ArrayDeque<>();

  KernelContext(PackedWeights packed) {
    this.packed = packed;
  }

  Desc own(Desc desc) {
    closers.push(desc::close);
    return desc;
  }

  Primitive own(Primitive primitive) {
    closers.push(primitive::close);
    return primitive;
  }

  Primitive.Description own(Primitive.Description description) {
    closers.push(description::close);
    return description;
  }

  /** The layout of a value in memory. */
  Desc desc(Value value) {
    return own(Desc.of(value));
  }

  /** The layout of a value seen as one row. */
  Desc flat(Value value) {
    return own(Desc.flat(value));
  }

  /**
   * The weight in another layout; kernels of a graph with the same layout share one copy.
   *
   * @param order the weight's dimension for each dimension of {@code to}
   */
  PackedWeight packed(Value weight, int[] order, Desc to) {
    return packed.of(weight, order, to);
  }

  /** A copy of a frozen weight in the layout of its value, which is C order. */
  PackedWeight copy(Value weight) {
    int[] order = IntStream.range(0, weight.rank()).toArray();
    try (Desc layout = Desc.of(weight)) {
      return packed.of(weight, order, layout);
    }
  }

  /** Whether a value is a weight that is read from its source, so that it needs a copy. */
  boolean isFrozen(Value value) {
    return packed.isFrozen(value);
  }

  @Override
  public void close() {
    closers.forEach(Runnable::run);
    closers.clear();
  }
}
