package org.diffusion4j.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.diffusion4j.internal.Address;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The arrays of one call, of one batch size and in C order. */
final class CallerArrays implements AutoCloseable {

  private final Map<String, INDArray> arrays = new LinkedHashMap<>();
  private final List<INDArray> copies = new ArrayList<>();
  private final int batch;

  /**
   * @param placeholders what is read
   * @param results what is written, in C order
   */
  CallerArrays(Map<String, INDArray> placeholders, Map<String, INDArray> results) {
    placeholders.forEach((name, array) -> arrays.put(name, plain(array)));
    arrays.putAll(results);
    batch = Math.toIntExact(placeholders.values().iterator().next().size(0));
    arrays.forEach(
        (name, array) -> {
          if (array.size(0) != batch) {
            throw new IllegalArgumentException(
                name + " must be a batch of " + batch + " but was of " + array.size(0));
          }
        });
  }

  private INDArray plain(INDArray array) {
    if (Address.isPlain(array)) {
      return array;
    }
    INDArray copy = array.dup('c');
    copies.add(copy);
    return copy;
  }

  int batch() {
    return batch;
  }

  /**
   * The key of the plan for a part of the batch.
   *
   * @param shape of the result, the batch first
   */
  PlanCache.Key key(int size, int threads, Goal goal, long[] shape) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    // Of results too: a plan must not write more than the caller made room for.
    for (String name : arrays.keySet()) {
      shapes.put(name, part(Objects.requireNonNull(arrays.get(name)).shape(), size));
    }
    shapes.put(goal.result(), part(shape, size));
    return new PlanCache.Key(shapes, threads, goal);
  }

  /** The shape of so many samples. */
  private static List<Long> part(long[] batch, int size) {
    long[] shape = batch.clone();
    shape[0] = size;
    return Arrays.stream(shape).boxed().toList();
  }

  /** Tells a workspace where the samples from one on lie. */
  void show(Plan plan, Workspace workspace, int from) {
    arrays.forEach(
        (name, array) -> {
          long perSample = array.length() / batch;
          workspace.caller(plan.caller(name), Address.of(array) + from * perSample * Float.BYTES);
        });
  }

  @Override
  public void close() {
    copies.forEach(INDArray::close);
  }
}
