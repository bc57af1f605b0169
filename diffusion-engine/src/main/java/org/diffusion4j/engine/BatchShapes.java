package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.diffusion4j.engine.samediff.Placeholder;

/**
 * The shapes of a call's inputs and results, for the whole batch and for a part of it. An input
 * that all samples share has the same shape in each part.
 */
final class BatchShapes {

  private static final int UNKNOWN = -1;

  private final Function<String, Placeholder> declared;
  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final Set<String> shared = new HashSet<>();
  private int batch = UNKNOWN;
  private boolean divisible = true;

  /**
   * @param declared the graph's declarations of its inputs
   */
  BatchShapes(Function<String, Placeholder> declared) {
    this.declared = declared;
  }

  /** Adds a result; the first dimension is the batch. */
  void result(String name, long[] shape) {
    shapes.put(name, shape);
    int size = Math.toIntExact(shape[0]);
    if (batch == UNKNOWN) {
      batch = size;
    }
    if (size != batch) {
      throw new IllegalArgumentException(
          name + " must be a batch of " + batch + " but was of " + size);
    }
  }

  /** Adds an input. */
  void input(String name, long[] shape) {
    if (declared.apply(name).batched()) {
      result(name, shape);
    } else {
      shapes.put(name, shape);
      shared.add(name);
      // If it had as many rows as a part has samples, it could be mistaken for one row per sample.
      divisible &= shape.length == 0 || shape[0] == 1;
    }
  }

  int batch() {
    return batch;
  }

  /** Whether the shapes allow parts. */
  boolean divisible() {
    return divisible;
  }

  boolean isBatched(String name) {
    return !shared.contains(name);
  }

  /** The shape for the whole batch. */
  long[] of(String name) {
    return Objects.requireNonNull(shapes.get(name), name);
  }

  /** The shapes for a part with a number of samples. */
  Map<String, List<Long>> part(int size) {
    Map<String, List<Long>> part = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          List<Long> sizes = new ArrayList<>(shape.length);
          for (int d = 0; d < shape.length; d++) {
            sizes.add(d == 0 && isBatched(name) ? size : shape[d]);
          }
          part.put(name, sizes);
        });
    return part;
  }
}
