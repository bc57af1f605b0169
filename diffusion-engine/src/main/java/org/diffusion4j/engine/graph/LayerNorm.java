package org.diffusion4j.engine.graph;

import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Layer normalisation over the last dimension (Ba et al. 2016): {@code y = (x - mean) /
 * sqrt(variance + eps) gamma + beta}.
 *
 * @param x {@code [..., width]}, in C order
 * @param gamma {@code [width]}
 * @param beta {@code [width]}
 * @param y as {@code x}
 * @param mean one for each row, kept for the gradient, as is {@code variance}
 */
public record LayerNorm(
    String name, Value x, Value gamma, Value beta, double eps, Value y, Value mean, Value variance)
    implements Node {

  public static LayerNorm of(String name, Value x, Value gamma, Value beta, double eps) {
    Value y = Value.plain(name, DataType.FLOAT, x.shape());
    long rows = x.length() / gamma.length();
    Value mean = Value.plain(name + "-mean", DataType.FLOAT, rows);
    Value variance = Value.plain(name + "-variance", DataType.FLOAT, rows);
    return new LayerNorm(name, x, gamma, beta, eps, y, mean, variance);
  }

  @Override
  public List<Value> inputs() {
    return List.of(x, gamma, beta);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y, mean, variance);
  }

  @Override
  public boolean divisible() {
    return !x.isWeight() && gamma.isWeight() && beta.isWeight();
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = x.gradient();
    Value dGamma = gamma.gradient();
    Value dBeta = beta.gradient();
    tape.add(new Gradient(this, tape.gradientOf(y), dx, dGamma, dBeta));
    tape.contribute(x, dx);
    tape.contribute(gamma, dGamma);
    tape.contribute(beta, dBeta);
  }

  /** The gradients of a layer norm. */
  public record Gradient(LayerNorm of, Value dy, Value dx, Value dGamma, Value dBeta)
      implements Node {

    @Override
    public String name() {
      return dx.name();
    }

    @Override
    public List<Value> inputs() {
      return List.of(of.x, of.gamma, of.mean, of.variance, dy);
    }

    @Override
    public List<Value> outputs() {
      return List.of(dx, dGamma, dBeta);
    }
  }
}
