package org.diffusion4j.engine.graph;

/** {@code y = alpha x + beta}, elementwise. */
public record Affine(String name, double alpha, double beta, Value x, Value y) implements Unary {

  @Override
  public Node gradient(Value dy, Value dx) {
    return new Affine(dx.name(), alpha, 0, dy, dx);
  }
}
