package org.diffusion4j.engine.graph;

import java.util.List;

/** Writes the caller's array of a number, which lies in C order, elsewhere in each run. */
public record Store(int caller, Value from) implements Node {

  @Override
  public String name() {
    return "store " + from.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(from);
  }

  @Override
  public List<Value> outputs() {
    return List.of();
  }
}
