package org.diffusion4j.engine.graph;

import java.util.List;

/** The sine or cosine of each value, as in the embedding of a timestep. */
public record Sinusoid(String name, boolean cosine, Value x, Value y) implements Unary {

  @Override
  public Node gradient(Value dy, Value dx) {
    return new Gradient(this, dy, dx);
  }

  /** {@code dx = dy cos(x)}, or {@code -dy sin(x)} for the cosine. */
  public record Gradient(Sinusoid of, Value dy, Value dx) implements Node {

    @Override
    public String name() {
      return dx.name();
    }

    @Override
    public List<Value> inputs() {
      return List.of(dy, of.x);
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
