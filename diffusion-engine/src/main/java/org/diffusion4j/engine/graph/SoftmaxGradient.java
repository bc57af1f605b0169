package org.diffusion4j.engine.graph;

import java.util.List;

/** The gradient of {@link Softmax}. */
public record SoftmaxGradient(Softmax of, Value dy, Value dx) implements Node {

  @Override
  public String name() {
    return dx.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(dy, of.y());
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
