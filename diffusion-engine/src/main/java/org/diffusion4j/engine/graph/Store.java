package org.diffusion4j.engine.graph;

import java.util.List;

/** Writes one of the caller's arrays, in C order, whose address differs in each run. */
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
