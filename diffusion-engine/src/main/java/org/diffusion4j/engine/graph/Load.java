package org.diffusion4j.engine.graph;

import java.util.List;

/** Reads the caller's array of a number, which lies in C order, elsewhere in each run. */
public record Load(int caller, Value to) implements Node {

  @Override
  public String name() {
    return "load " + to.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of();
  }

  @Override
  public List<Value> outputs() {
    return List.of(to);
  }
}
