package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * What runs the nodes of one graph on a device, with copies of its weights in the layouts that the
 * device likes. The CPU's is {@code CpuEngine}; another device needs this interface, a {@link
 * Program} and a {@link Workspace}.
 */
public interface Engine extends AutoCloseable {

  /** Whether there is a kernel for a node. */
  boolean supports(Node node);

  /**
   * Makes the kernels of nodes and lays out their memory.
   *
   * @param nodes in the order of their execution, each supported
   * @param callerArrays the number of arrays that the caller of a run gives
   * @param gradients whether the nodes write gradients of weights
   */
  Program compile(List<Node> nodes, int callerArrays, boolean gradients);

  /** Frees the copies of weights. */
  @Override
  void close();
}
