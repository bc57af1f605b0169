package org.diffusion4j.engine.samediff;

import java.util.List;
import java.util.function.Supplier;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The graph that plans are made from.
 *
 * @param graph the operations
 * @param gradientGraph gives a copy of the graph, to which gradients are added, if it is needed
 * @param dropouts placeholders, factors of images, that stand for the masks of dropout layers
 */
public record Source(SameDiff graph, Supplier<SameDiff> gradientGraph, List<String> dropouts) {

  public Source {
    dropouts = List.copyOf(dropouts);
  }
}
