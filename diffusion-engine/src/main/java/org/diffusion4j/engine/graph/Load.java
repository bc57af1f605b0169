package org.diffusion4j.engine.graph;

import java.util.List;

/** Reads one of the caller's arrays, in C order, whose address differs in each run. */
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
