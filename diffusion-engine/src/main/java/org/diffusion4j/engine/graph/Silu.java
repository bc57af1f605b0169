package org.diffusion4j.engine.graph;

import java.util.List;

/** {@code y = x sigmoid(x)}, elementwise (Elfwing et al. 2018). */
public record Silu(String name, Value x, Value y) implements Node {

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
    tape.add(new SiluGradient(this, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }
}
