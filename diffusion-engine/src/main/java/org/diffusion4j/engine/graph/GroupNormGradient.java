package org.diffusion4j.engine.graph;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The gradient of {@link GroupNorm}: Wu and He 2018 with the chain rule. It recomputes xHat from x
 * and the statistics, which is cheaper than storing it.
 *
 * @param before a gradient that is added to that of x, or null
 */
public record GroupNormGradient(
    GroupNorm of,
    Value dy,
    @Nullable Value before,
    Value dx,
    Value dGamma,
    Value dBeta,
    @Nullable Value dBias,
    @Nullable Value dScale,
    @Nullable Value dShift)
    implements Node {

  static GroupNormGradient of(GroupNorm norm, Value dy, @Nullable Value before) {
    GroupNorm.Inputs in = norm.in();
    return new GroupNormGradient(
        norm,
        dy,
        before,
        in.x().gradient(),
        in.gamma().gradient(),
        in.beta().gradient(),
        gradient(in.bias()),
        gradient(in.scale()),
        gradient(in.shift()));
  }

  private static @Nullable Value gradient(@Nullable Value value) {
    return value == null ? null : value.gradient();
  }

  @Override
  public String name() {
    return "group norm " + dx.name();
  }

  @Override
  public List<Value> inputs() {
    GroupNorm.Inputs in = of.in();
    return GroupNorm.present(
        dy, before, in.x(), in.bias(), in.gamma(), in.beta(), in.scale(), in.shift(), of.stats());
  }

  @Override
  public List<Value> outputs() {
    return GroupNorm.present(dx, dGamma, dBeta, dBias, dScale, dShift);
  }

  @Override
  public List<Value> overwritable() {
    // The kernel stores intermediate results in dx before it reads the addend.
    boolean shared = before != null && before.storage().root() == dy.storage().root();
    return shared ? List.of() : List.of(dy);
  }
}
