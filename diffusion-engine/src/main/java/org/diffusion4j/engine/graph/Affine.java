package org.diffusion4j.engine.graph;

import java.util.List;

/** {@code y = alpha x + beta}, elementwise. */
public record Affine(String name, double alpha, double beta, Value x, Value y) implements Node {

  @Override
  public List<Value> inputs() {
    return List.of(x);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public List<Value> overwritable() {
    return List.of(x);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = x.gradient();
    tape.add(new Affine(dx.name(), alpha, 0, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }
}
