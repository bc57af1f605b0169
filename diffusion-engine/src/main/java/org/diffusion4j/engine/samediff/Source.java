package org.diffusion4j.engine.samediff;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The graph from which plans are created.
 *
 * @param graph the operations
 * @param gradientGraph creates a copy of the graph, to which gradients are added, if necessary
 * @param dropouts placeholders for the masks of dropout layers, each a factor of an image
 * @param placeholders all placeholders by name
 */
public record Source(
    SameDiff graph,
    Supplier<SameDiff> gradientGraph,
    List<String> dropouts,
    Map<String, Placeholder> placeholders) {

  public Source {
    dropouts = List.copyOf(dropouts);
    placeholders = Map.copyOf(placeholders);
  }

  public Source(SameDiff graph, Supplier<SameDiff> gradientGraph, List<String> dropouts) {
    this(graph, gradientGraph, dropouts, Placeholder.of(graph));
  }

  /** An input; one that the graph does not declare is treated as a batch of FLOAT. */
  public Placeholder placeholder(String name) {
    Placeholder placeholder = placeholders.get(name);
    return placeholder == null ? new Placeholder(name, DataType.FLOAT, true) : placeholder;
  }
}
