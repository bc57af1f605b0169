package org.diffusion4j.engine.graph;

import java.util.List;

/** {@code y = 1 / (1 + exp(-x))}, elementwise. */
public record Sigmoid(String name, Value x, Value y) implements Node {

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
    tape.add(new Gradient(this, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }

  /** {@code dx = dy y (1 - y)}. */
  public record Gradient(Sigmoid of, Value dy, Value dx) implements Node {

    @Override
    public String name() {
      return dx.name();
    }

    @Override
    public List<Value> inputs() {
      return List.of(dy, of.y);
    }

    @Override
    public List<Value> outputs() {
      return List.of(dx);
    }

    @Override
    public List<Value> overwritable() {
      return List.of(dy);
    }
  }
}
