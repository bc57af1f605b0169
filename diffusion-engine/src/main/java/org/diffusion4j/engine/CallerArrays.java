package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.graph.Workspace;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The arrays of one call, of one batch size and in C order. Copies and results are made when there
 * is known to be memory for them.
 */
final class CallerArrays implements AutoCloseable {

  private final Map<String, INDArray> placeholders;
  private final Map<String, long[]> results;
  private final Map<String, INDArray> arrays = new LinkedHashMap<>();
  private final List<INDArray> copies = new ArrayList<>();
  private final Map<String, INDArray> written = new LinkedHashMap<>();
  private final int batch;

  /**
   * @param placeholders what is read
   * @param results the shapes of what is written
   */
  CallerArrays(Map<String, INDArray> placeholders, Map<String, long[]> results) {
    this.placeholders = placeholders;
    this.results = results;
    batch = Math.toIntExact(placeholders.values().iterator().next().size(0));
    placeholders.forEach((name, array) -> requireBatch(name, array.size(0)));
    results.forEach((name, shape) -> requireBatch(name, shape[0]));
  }

  private void requireBatch(String name, long size) {
    if (size != batch) {
      throw new IllegalArgumentException(
          name + " must be a batch of " + batch + " but was of " + size);
    }
  }

  /** The native memory that {@link #allocate} takes. */
  long bytes() {
    long bytes = 0;
    for (INDArray array : placeholders.values()) {
      bytes = NativeMemory.sum(bytes, Address.isPlain(array) ? 0 : Float.BYTES * array.length());
    }
    for (long[] shape : results.values()) {
      bytes =
          NativeMemory.sum(bytes, NativeMemory.product(Float.BYTES, NativeMemory.product(shape)));
    }
    return bytes;
  }

  /** Makes the copies and the results. */
  void allocate() {
    placeholders.forEach((name, array) -> arrays.put(name, plain(array)));
    results.forEach(
        (name, shape) -> {
          INDArray result = Nd4j.createUninitialized(DataType.FLOAT, shape);
          written.put(name, result);
          arrays.put(name, result);
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

  /** What was written, from now on the receiver's. */
  Map<String, INDArray> takeResults() {
    Map<String, INDArray> taken = new LinkedHashMap<>(written);
    written.clear();
    return taken;
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
    placeholders.forEach((name, array) -> shapes.put(name, part(array.shape(), size)));
    results.forEach((name, result) -> shapes.put(name, part(result, size)));
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
    written.values().forEach(INDArray::close);
  }
}
