package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * One operation of a graph: what it reads and writes, with which shapes, and how it is
 * differentiated. A node knows neither the kernel that runs it nor where its values lie: see {@link
 * Engine}.
 */
public interface Node {

  /** For messages. */
  String name();

  /** What it reads. */
  List<Value> inputs();

  /** What it writes. */
  List<Value> outputs();

  /** Inputs whose memory the first output may take if nobody reads them later, best first. */
  default List<Value> overwritable() {
    return List.of();
  }

  /** Whether sample i of the outputs depends on sample i of the inputs alone. */
  default boolean batchwise() {
    return true;
  }

  /** Adds the nodes of its gradient. */
  default void differentiate(Tape tape) {
    throw new UnsupportedOperationException(name() + " has no gradient");
  }
}
