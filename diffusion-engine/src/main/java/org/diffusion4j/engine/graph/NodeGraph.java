package org.diffusion4j.engine.graph;

import java.util.List;
import java.util.Map;

/**
 * A graph for inputs of given shapes, forward or forward and backward.
 *
 * @param nodes in the order of their execution
 * @param callers the numbers of the caller's arrays, by name: inputs, results, gradients of inputs
 * @param gradients whether the nodes write gradients of weights
 * @param batchwise whether a part of a batch gives the same results as in the whole batch
 */
public record NodeGraph(
    List<Node> nodes, Map<String, Integer> callers, boolean gradients, boolean batchwise) {

  public NodeGraph {
    nodes = List.copyOf(nodes);
    callers = Map.copyOf(callers);
  }

  /** The name under which a caller's array receives the gradient of an input. */
  public static String gradientName(String input) {
    return input + "-grad";
  }
}
