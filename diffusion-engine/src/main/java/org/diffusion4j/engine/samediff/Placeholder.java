package org.diffusion4j.engine.samediff;

import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * An input of a graph.
 *
 * @param name its name
 * @param type its type; arrays of other types are converted
 * @param batched whether its first dimension is the batch; otherwise all samples share one array
 */
public record Placeholder(String name, DataType type, boolean batched) {

  /** The placeholders of a graph by name: batched unless the graph fixes their first dimension. */
  static Map<String, Placeholder> of(SameDiff graph) {
    Map<String, Placeholder> all = new LinkedHashMap<>();
    for (SDVariable variable : graph.variables()) {
      if (variable.isPlaceHolder()) {
        long[] shape = variable.placeholderShape();
        boolean batched = shape == null || (shape.length > 0 && shape[0] < 0);
        all.put(variable.name(), new Placeholder(variable.name(), variable.dataType(), batched));
      }
    }
    return all;
  }
}
