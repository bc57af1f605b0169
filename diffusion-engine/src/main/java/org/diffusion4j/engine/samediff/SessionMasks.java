package org.diffusion4j.engine.samediff;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The arrays for the placeholders of dropout layers in SameDiff's session. */
public final class SessionMasks implements AutoCloseable {

  private final Map<String, INDArray> arrays = new LinkedHashMap<>();

  /** Ones, which keep everything. */
  public SessionMasks(SameDiff graph, List<String> dropouts) {
    for (String name : dropouts) {
      arrays.put(name, Nd4j.ones(graph.getVariable(name).dataType(), 1, 1, 1, 1));
    }
  }

  /** The masks of a batch, equal to those of plans. */
  public SessionMasks(SameDiff graph, List<String> dropouts, DropoutMasks masks, long batch) {
    for (int layer = 0; layer < dropouts.size(); layer++) {
      SDVariable placeholder = graph.getVariable(dropouts.get(layer));
      long[] shape = placeholder.placeholderShape().clone();
      shape[0] = batch;
      INDArray factors = Nd4j.create(masks.factors(layer, shape), shape, 'c');
      arrays.put(placeholder.name(), factors.castTo(placeholder.dataType()));
    }
  }

  public Map<String, INDArray> arrays() {
    return arrays;
  }

  @Override
  public void close() {
    arrays.values().forEach(INDArray::close);
  }
}
