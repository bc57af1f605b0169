package org.diffusion4j.engine.graph;

import java.util.List;

/** A function of each value: {@code y = f(x)}. */
public record Activation(String name, Kind kind, Value x, Value y) implements Unary {

  /** The functions. */
  public enum Kind {
    /** {@code x sigmoid(x)} (Elfwing et al. 2018). */
    SILU,
    /** {@code 1 / (1 + exp(-x))}. */
    SIGMOID,
    TANH,
    /** {@code max(x, 0)}. */
    RELU,
    /** {@code x tanh(log(1 + exp(x)))} (Misra 2019). */
    MISH,
    /** {@code x Phi(x)}, where Phi is the normal distribution (Hendrycks and Gimpel 2016). */
    GELU,
    /** GELU by a hyperbolic tangent, section 2 there. */
    TANH_GELU,
    /** {@code x sigmoid(1.702 x)}, section 2 there. */
    QUICK_GELU;

    /** Whether the derivative is a function of the result, and x is not needed for it. */
    public boolean isDifferentiatedByResult() {
      return this == SIGMOID || this == TANH || this == RELU;
    }
  }

  @Override
  public Node gradient(Value dy, Value dx) {
    return new Gradient(this, dy, dx);
  }

  /** {@code dx = dy f'(x)}. */
  public record Gradient(Activation of, Value dy, Value dx) implements Node {

    @Override
    public String name() {
      return dx.name();
    }

    /** The input or the result, by which the derivative is computed. */
    public Value by() {
      return of.kind.isDifferentiatedByResult() ? of.y : of.x;
    }

    @Override
    public List<Value> inputs() {
      return List.of(dy, by());
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
