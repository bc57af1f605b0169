package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Runs the nodes of a graph on a device. It owns copies of the weights in the device's layouts.
 * {@code CpuEngine} is that of the CPU; another device needs an implementation of this interface,
 * of {@link Program} and of {@link Workspace}.
 */
public interface Engine extends AutoCloseable {

  /** Whether there is a kernel for a node. */
  boolean supports(Node node);

  /**
   * Creates the kernels of nodes and plans their memory.
   *
   * @param nodes in the order of their execution, each supported
   * @param callerArrays the number of arrays that the caller of a run passes
   * @param gradients whether the nodes write gradients of weights
   */
  Program compile(List<Node> nodes, int callerArrays, boolean gradients);

  /** The memory of the copies of weights that are allocated, in bytes. */
  long weightCopyBytes();

  /** Frees the copies of weights. */
  @Override
  void close();
}
