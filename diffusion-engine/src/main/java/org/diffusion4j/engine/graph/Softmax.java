package org.diffusion4j.engine.graph;

import java.util.List;

/** The softmax over the last dimension. */
public record Softmax(Value x, Value y) implements Node {

  @Override
  public String name() {
    return "softmax " + y.name();
  }

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
    tape.add(new SoftmaxGradient(this, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }
}
