package org.diffusion4j.engine.graph;

import java.util.List;
import java.util.Map;

/**
 * A graph for inputs of given shapes, forward or forward and backward.
 *
 * @param nodes in the order of their execution
 * @param callers indices of the caller's arrays (inputs, results, gradients of inputs) by name
 * @param gradients whether the nodes write gradients of weights
 * @param divisible whether results of a part of a batch equal those in the whole batch
 */
public record NodeGraph(
    List<Node> nodes, Map<String, Integer> callers, boolean gradients, boolean divisible) {

  public NodeGraph {
    nodes = List.copyOf(nodes);
    callers = Map.copyOf(callers);
  }

  /** The name of the caller's array that receives the gradient of an input. */
  public static String gradientName(String input) {
    return input + "-grad";
  }
}
