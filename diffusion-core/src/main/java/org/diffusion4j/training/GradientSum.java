package org.diffusion4j.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The weighted sum of the gradients of several batches. */
final class GradientSum implements AutoCloseable {

  private final Map<String, INDArray> sums = new LinkedHashMap<>();

  GradientSum(Map<String, INDArray> parameters) {
    parameters.forEach((name, p) -> sums.put(name, Nd4j.zeros(p.dataType(), p.shape())));
  }

  Map<String, INDArray> of() {
    return sums;
  }

  /**
   * {@code sum += share gradients}.
   *
   * @param first whether to start a new sum
   */
  void add(boolean first, Map<String, INDArray> gradients, float share) {
    List<INDArray> terms = sums.keySet().stream().map(gradients::get).toList();
    WeightLoops.run(
        List.of(List.copyOf(sums.values())),
        List.of(terms),
        (pieces, n) -> {
          float[] sum = pieces[0];
          float[] term = pieces[1];
          for (int i = 0; i < n; i++) {
            sum[i] = (first ? 0 : sum[i]) + share * term[i];
          }
          return 0;
        });
  }

  @Override
  public void close() {
    sums.values().forEach(INDArray::close);
  }
}
