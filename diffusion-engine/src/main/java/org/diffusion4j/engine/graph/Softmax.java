package org.diffusion4j.engine.graph;

/** The softmax over the last dimension. */
public record Softmax(Value x, Value y) implements Unary {

  @Override
  public String name() {
    return "softmax " + y.name();
  }

  @Override
  public Node gradient(Value dy, Value dx) {
    return new SoftmaxGradient(this, dy, dx);
  }
}
