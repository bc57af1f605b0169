package org.diffusion4j.engine;

import org.diffusion4j.engine.graph.Engine;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.NodeGraph;
import org.diffusion4j.engine.graph.Program;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Workspace;

/**
 * A graph for inputs of given shapes and its compiled program. Runs in any number of workspaces.
 */
record Plan(NodeGraph graph, Program program) implements AutoCloseable {

  /**
   * Compiles a graph.
   *
   * @throws UnplannableException if the engine has no kernel for a node
   */
  static Plan of(NodeGraph graph, Engine engine) {
    for (Node node : graph.nodes()) {
      if (!engine.supports(node)) {
        throw new UnplannableException("there is no kernel for " + node.name());
      }
    }
    return new Plan(
        graph, engine.compile(graph.nodes(), graph.callers().size(), graph.gradients()));
  }

  /** Its footprint. */
  Footprint footprint() {
    return new Footprint(program.workspaceBytes(), program.weightCopies(), graph.divisible());
  }

  Workspace workspace() {
    return program.workspace();
  }

  /** The index of the caller's array for an input or a result. */
  int caller(String name) {
    Integer index = graph.callers().get(name);
    if (index == null) {
      throw new IllegalArgumentException("no array is named " + name);
    }
    return index;
  }

  @Override
  public void close() {
    program.close();
  }
}
