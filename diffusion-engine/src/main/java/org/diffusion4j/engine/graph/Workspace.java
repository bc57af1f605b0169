package org.diffusion4j.engine.graph;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The memory of one run of a program. Used by one thread at a time. */
public interface Workspace extends AutoCloseable {

  /** Sets the address of one of the caller's arrays for the next run. */
  void caller(int index, long address);

  /**
   * Runs the program.
   *
   * @param call the call that it is part of
   * @param firstSample index of its first sample in the call's batch
   */
  void run(Call call, int firstSample);

  /** The gradients of all weights, one after the other at {@link Weights#offset}. */
  INDArray gradient();

  @Override
  void close();
}
