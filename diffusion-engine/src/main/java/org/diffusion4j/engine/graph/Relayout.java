package org.diffusion4j.engine.graph;

import java.util.List;

/** Copies a value into another layout. */
public record Relayout(String name, Value from, Value to) implements Node {

  @Override
  public List<Value> inputs() {
    return List.of(from);
  }

  @Override
  public List<Value> outputs() {
    return List.of(to);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = from.gradient();
    tape.add(new Relayout(dx.name(), tape.gradientOf(to), dx));
    tape.contribute(from, dx);
  }
}
