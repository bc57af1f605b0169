package org.diffusion4j.engine.graph;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The memory that one run of a program works in. Used by one thread at a time. */
public interface Workspace extends AutoCloseable {

  /** Says where the caller's array of a number lies in the next run. */
  void caller(int index, long address);

  /**
   * Runs the program.
   *
   * @param call which it is part of
   * @param firstSample where its samples begin in the call's batch
   */
  void run(Call call, int firstSample);

  /** The gradients of all weights, one after the other at {@link Weights#offset}. */
  INDArray gradient();

  @Override
  void close();
}
