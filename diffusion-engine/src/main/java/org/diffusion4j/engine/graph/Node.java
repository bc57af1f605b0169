package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * One operation of a graph: what it reads and writes, with which shapes, and how it is
 * differentiated. A node knows neither its kernel nor the memory of its values: see {@link Engine}.
 */
public interface Node {

  /** For messages. */
  String name();

  /** The values that it reads. */
  List<Value> inputs();

  /** The values that it writes. */
  List<Value> outputs();

  /** Inputs that the first output may overwrite if they are not read later, best first. */
  default List<Value> overwritable() {
    return List.of();
  }

  /** Whether sample i of the outputs depends only on sample i of the inputs. */
  default boolean divisible() {
    return true;
  }

  /** Adds the nodes of its gradient to the tape. */
  default void differentiate(Tape tape) {
    throw new UnsupportedOperationException(name() + " has no gradient");
  }
}
