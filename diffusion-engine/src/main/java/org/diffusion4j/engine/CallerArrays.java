package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.graph.Workspace;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.engine.samediff.Placeholder;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The arrays of a call, in C order: those of the batch with one row per sample, and those that all
 * samples share. Copies and results are created after the memory check.
 */
final class CallerArrays implements AutoCloseable {

  private final Map<String, INDArray> placeholders;
  private final Function<String, Placeholder> declared;
  private final BatchShapes shapes;
  private final Set<String> written;
  private final Map<String, INDArray> arrays = new LinkedHashMap<>();
  private final List<INDArray> copies = new ArrayList<>();
  private final Map<String, INDArray> results = new LinkedHashMap<>();

  /**
   * @param placeholders the inputs
   * @param declared the graph's declarations of them
   * @param results the shapes of the results, of which {@code written} are created here
   */
  CallerArrays(
      Map<String, INDArray> placeholders,
      Function<String, Placeholder> declared,
      Map<String, long[]> results,
      Set<String> written) {
    this.placeholders = placeholders;
    this.declared = declared;
    this.written = written;
    shapes = new BatchShapes(declared);
    results.forEach(shapes::result);
    placeholders.forEach((name, array) -> shapes.input(name, array.shape()));
  }

  BatchShapes shapes() {
    return shapes;
  }

  int batch() {
    return shapes.batch();
  }

  /** The native memory of {@link #allocate}. */
  long bytes() {
    long bytes = 0;
    for (Map.Entry<String, INDArray> entry : placeholders.entrySet()) {
      DataType type = declared.apply(entry.getKey()).type();
      INDArray array = entry.getValue();
      bytes = NativeMemory.sum(bytes, fits(array, type) ? 0 : type.width() * array.length());
    }
    for (String name : written) {
      bytes =
          NativeMemory.sum(
              bytes, NativeMemory.product(Float.BYTES, NativeMemory.product(shapes.of(name))));
    }
    return bytes;
  }

  /** Creates the copies and the results. */
  void allocate() {
    placeholders.forEach((name, array) -> arrays.put(name, plain(array, declared.apply(name))));
    for (String name : written) {
      INDArray result = Nd4j.createUninitialized(DataType.FLOAT, shapes.of(name));
      results.put(name, result);
      arrays.put(name, result);
    }
  }

  private static boolean fits(INDArray array, DataType type) {
    return array.dataType() == type && Address.isPlain(array);
  }

  private INDArray plain(INDArray array, Placeholder declared) {
    if (fits(array, declared.type())) {
      return array;
    }
    INDArray copy = Nd4j.createUninitialized(declared.type(), array.shape());
    copies.add(copy);
    return copy.assign(array);
  }

  /** The results; the caller then owns them. */
  Map<String, INDArray> takeResults() {
    Map<String, INDArray> taken = new LinkedHashMap<>(results);
    results.clear();
    return taken;
  }

  /** The key of the plan for a part of the batch. */
  PlanCache.Key key(int size, int threads, Goal goal) {
    // Including results: a plan must not write more than the caller allocated.
    return new PlanCache.Key(shapes.part(size), threads, goal);
  }

  /** Sets the addresses of the samples from an index on in a workspace. */
  void show(Plan plan, Workspace workspace, int from) {
    arrays.forEach(
        (name, array) -> {
          long address = Address.of(array);
          if (shapes.isBatched(name)) {
            address += from * (array.length() / batch()) * array.dataType().width();
          }
          workspace.caller(plan.caller(name), address);
        });
  }

  @Override
  public void close() {
    copies.forEach(INDArray::close);
    results.values().forEach(INDArray::close);
  }
}
