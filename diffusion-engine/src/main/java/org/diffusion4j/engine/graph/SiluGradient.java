package org.diffusion4j.engine.graph;

import java.util.List;

/** The gradient of {@link Silu}. */
public record SiluGradient(Silu of, Value dy, Value dx) implements Node {

  @Override
  public String name() {
    return dx.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(dy, of.x());
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
