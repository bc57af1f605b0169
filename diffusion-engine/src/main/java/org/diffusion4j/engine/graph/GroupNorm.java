package org.diffusion4j.engine.graph;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Group normalisation (Wu and He 2018) combined with its neighbours in a U-Net: a bias per sample
 * and channel before it, a scale and a shift per sample and channel after it, and SiLU.
 *
 * <pre>y = silu((xHat gamma + beta) scale + shift), xHat = (x + bias - mean) / sqrt(variance + eps)
 * </pre>
 *
 * @param silu whether it ends with SiLU
 * @param stats results that the gradient needs: {@code [batch, groups, 2]}, mean and {@code 1 /
 *     sqrt(variance + eps)}
 */
public record GroupNorm(Inputs in, int groups, double eps, boolean silu, Value y, Value stats)
    implements Node {

  /**
   * The inputs of a group norm.
   *
   * @param x {@code [batch, channels, height, width]}
   * @param bias {@code [batch, channels]} or null
   * @param gamma {@code [channels]}
   * @param beta {@code [channels]}
   * @param scale {@code [batch, channels]} or null
   * @param shift {@code [batch, channels]}, null if and only if {@code scale} is
   */
  public record Inputs(
      Value x,
      @Nullable Value bias,
      Value gamma,
      Value beta,
      @Nullable Value scale,
      @Nullable Value shift) {}

  public static GroupNorm of(Inputs in, int groups, double eps, boolean silu, Value y) {
    Value stats = Value.plain(y.name() + "-stats", y.type(), y.size(0), groups, 2);
    return new GroupNorm(in, groups, eps, silu, y, stats);
  }

  @Override
  public String name() {
    return "group norm " + y.name();
  }

  @Override
  public List<Value> inputs() {
    return present(in.x, in.bias, in.gamma, in.beta, in.scale, in.shift);
  }

  /** The values that are not null. */
  static List<Value> present(@Nullable Value... values) {
    return Stream.of(values).filter(Objects::nonNull).map(Objects::requireNonNull).toList();
  }

  @Override
  public List<Value> outputs() {
    return List.of(y, stats);
  }

  @Override
  public List<Value> overwritable() {
    return List.of(in.x);
  }

  @Override
  public void differentiate(Tape tape) {
    // The kernel adds the gradient that x has so far.
    Value dy = tape.gradientOf(y);
    Value before = tape.wants(in.x) ? tape.take(in.x) : null;
    GroupNormGradient gradient = GroupNormGradient.of(this, dy, before);
    tape.add(gradient);
    tape.contribute(in.x, gradient.dx());
    tape.contribute(in.gamma, gradient.dGamma());
    tape.contribute(in.beta, gradient.dBeta());
    contribute(tape, in.bias, gradient.dBias());
    contribute(tape, in.scale, gradient.dScale());
    contribute(tape, in.shift, gradient.dShift());
  }

  private static void contribute(Tape tape, @Nullable Value value, @Nullable Value gradient) {
    if (value != null && gradient != null) {
      tape.contribute(value, gradient);
    }
  }
}
