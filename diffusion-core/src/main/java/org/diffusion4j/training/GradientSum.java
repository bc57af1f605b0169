package org.diffusion4j.training;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.training.PairwiseSum.Block;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The weighted sum of the gradients of several batches, in the order of {@link PairwiseSum}. For n
 * batches it holds log2(n) + 1 arrays for each weight.
 */
final class GradientSum implements AutoCloseable {

  private final Map<String, INDArray> parameters;
  private final PairwiseSum<Map<String, INDArray>> sum = new PairwiseSum<>(this::addAndFree);
  private final List<Map<String, INDArray>> all = new ArrayList<>();
  private final Deque<Map<String, INDArray>> free = new ArrayDeque<>();

  /**
   * @param parameters the weights by name; only their shapes are used
   */
  GradientSum(Map<String, INDArray> parameters) {
    this.parameters = parameters;
  }

  /** Starts a new sum. */
  void clear() {
    sum.clear();
    free.clear();
    free.addAll(all);
  }

  /**
   * Adds {@code share gradients}.
   *
   * @param batch number of the batch; each follows the one before
   */
  void add(int batch, Map<String, INDArray> gradients, float share) {
    Map<String, INDArray> term = take();
    WeightLoops.run(
        List.of(values(term)),
        List.of(term.keySet().stream().map(gradients::get).toList()),
        (pieces, n) -> {
          float[] scaled = pieces[0];
          float[] gradient = pieces[1];
          for (int i = 0; i < n; i++) {
            scaled[i] = share * gradient[i];
          }
          return 0;
        });
    sum.add(new Block<>(batch, 1, term));
  }

  private void addAndFree(Map<String, INDArray> into, Map<String, INDArray> term) {
    WeightLoops.run(
        List.of(values(into)),
        List.of(values(term)),
        (pieces, n) -> {
          float[] a = pieces[0];
          float[] b = pieces[1];
          for (int i = 0; i < n; i++) {
            a[i] += b[i];
          }
          return 0;
        });
    free.push(term);
  }

  private static List<INDArray> values(Map<String, INDArray> arrays) {
    return List.copyOf(arrays.values());
  }

  private Map<String, INDArray> take() {
    if (free.isEmpty()) {
      Map<String, INDArray> zeros = new LinkedHashMap<>();
      parameters.forEach((name, p) -> zeros.put(name, Nd4j.zeros(p.dataType(), p.shape())));
      all.add(zeros);
      free.push(zeros);
    }
    return free.pop();
  }

  /** The sums of the largest blocks of batches. */
  List<Block<Map<String, INDArray>>> blocks() {
    return sum.blocks();
  }

  /** The sum of all batches, which the next {@link #clear} frees. */
  Map<String, INDArray> total() {
    return sum.total();
  }

  @Override
  public void close() {
    all.forEach(arrays -> arrays.values().forEach(INDArray::close));
  }
}
