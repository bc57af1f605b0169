package org.diffusion4j.engine.samediff;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.diffusion4j.engine.graph.Activation;

/**
 * Finds groups of operations that one kernel computes: group and layer normalisation, GELU and Mish
 * written in elementary operations, attention, a matrix product with a bias, a convolution with an
 * addition.
 */
final class Patterns {

  private final Ops ops;
  private final Set<String> kept;
  private final Set<String> wanted;

  /**
   * @param kept requested results, which no group may hide
   * @param wanted what depends on a value whose gradient is requested
   */
  Patterns(Ops ops, Set<String> kept, Set<String> wanted) {
    this.ops = ops;
    this.kept = kept;
    this.wanted = wanted;
  }

  /** Whether a value may need a gradient. */
  boolean isWanted(String name) {
    return wanted.contains(name);
  }

  /** Whether only one operation needs a value. */
  boolean isReadOnlyBy(String name, Op reader) {
    return !kept.contains(name) && ops.consumers(name).equals(List.of(reader));
  }

  /** Whether no operation outside reads an inner result, except that of the last operation. */
  boolean closed(Set<Op> members, Op last) {
    for (Op op : members) {
      if (!op.equals(last)) {
        for (String name : op.out()) {
          if (kept.contains(name) || !members.containsAll(ops.consumers(name))) {
            return false;
          }
        }
      }
    }
    return true;
  }

  /** {@code Layers.groupNorm} and what stands around it, by its first reshape. */
  Optional<GroupNormMatch> groupNorm(Op start) {
    return new GroupNormPattern(ops, this).match(start);
  }

  /** An activation written out, by its last product. */
  Optional<ActivationMatch> activation(Op product) {
    return gelu(product).or(() -> mish(product));
  }

  /** {@code x tanh(log(1 + exp(x)))}. */
  private Optional<ActivationMatch> mish(Op product) {
    Trail trail = new Trail(ops, product);
    Op softplus = trail.from(trail.from(product, 1, "tanh"), 0, "softplus");
    String x = product.in().get(0);
    return trail.holds(softplus.in().get(0).equals(x)) && closed(trail.members, product)
        ? Optional.of(
            new ActivationMatch(new Group(trail.members, product), x, Activation.Kind.MISH))
        : Optional.empty();
  }

  /** {@code (0.5 x) (f(x) + 1)}. */
  private Optional<ActivationMatch> gelu(Op product) {
    Trail trail = new Trail(ops, product);
    Op half = trail.from(product, 0, "mul_scalar");
    Op sum = trail.from(product, 1, "add_scalar");
    if (!trail.holds(true) || !isNear(half, 0.5) || !isNear(sum, 1)) {
      return Optional.empty();
    }
    String x = half.in().get(0);
    boolean erf = ops.producer(sum.in().get(0), "erf") != null;
    boolean matches = erf ? isErf(trail, sum, x) : isTanh(trail, sum, x);
    return matches && closed(trail.members, product)
        ? Optional.of(
            new ActivationMatch(
                new Group(trail.members, product),
                x,
                erf ? Activation.Kind.GELU : Activation.Kind.TANH_GELU))
        : Optional.empty();
  }

  /** {@code erf(x / sqrt(2))}. */
  private static boolean isErf(Trail trail, Op sum, String x) {
    Op scaled = trail.from(trail.from(sum, 0, "erf"), 0, "mul_scalar");
    return trail.holds(scaled.in().get(0).equals(x)) && isNear(scaled, Math.sqrt(0.5));
  }

  /** {@code tanh(sqrt(2 / pi) (x + 0.044715 x^3))}. */
  private static boolean isTanh(Trail trail, Op sum, String x) {
    Op scaled = trail.from(trail.from(sum, 0, "tanh"), 0, "mul_scalar");
    Op inner = trail.from(scaled, 0, "add");
    Op third = trail.from(inner, 1, "mul_scalar");
    Op cube = trail.from(third, 0, "multiply");
    Op square = trail.from(cube, 0, "multiply");
    return trail.holds(
            inner.in().get(0).equals(x)
                && cube.in().get(1).equals(x)
                && square.in().equals(List.of(x, x)))
        && isNear(scaled, Math.sqrt(2 / Math.PI))
        && isNear(third, 0.044715);
  }

  private static boolean isNear(Op op, double number) {
    return Math.abs(op.scalar() - number) < 1e-6;
  }

  /** The inputs of an attention of pixels, each {@code [batch, channels, height, width]}. */
  record ImageAttentionMatch(
      Group group, String q, String k, String v, double factor, long headChannels) {}

  /** Matches {@code UNetGraph.attention}, starting at its softmax. */
  Optional<ImageAttentionMatch> imageAttention(Op softmax) {
    Trail trail = new Trail(ops, softmax);
    Op scale = trail.from(softmax, 0, "mul_scalar");
    Op scores = trail.from(scale, 0, "matmul");
    Op q = trail.from(scores, 0, "reshape");
    Op k = trail.from(scores, 1, "reshape");
    Op mixed = trail.to("matmul");
    Op v = trail.from(mixed, 0, "reshape");
    Op result = trail.to("reshape");
    boolean matches =
        trail.holds(Arrays.equals(scores.integers(), new long[] {1, 0, 0}))
            && trail.holds(Arrays.equals(mixed.integers(), new long[] {0, 1, 0}))
            && trail.holds(mixed.in().get(1).equals(softmax.result()))
            && trail.holds(q.integers().length == 4 && result.integers().length == 5)
            && trail.holds(q.integers()[1] == -1 && result.integers()[1] == -1)
            && trail.holds(isLastAxis(softmax))
            && trail.holds(Arrays.equals(q.integers(), k.integers()))
            && trail.holds(Arrays.equals(q.integers(), v.integers()))
            && trail.holds(closed(trail.members, result));
    if (!matches) {
      return Optional.empty();
    }
    return Optional.of(
        new ImageAttentionMatch(
            new Group(trail.members, result),
            q.in().get(0),
            k.in().get(0),
            v.in().get(0),
            scale.scalar(),
            q.integers()[2]));
  }

  private static boolean isLastAxis(Op softmax) {
    long[] axis = softmax.integers();
    return axis.length == 0 || axis[0] == -1 || axis[0] == 2;
  }

  /** An addition to the result of an operation of a kind: this operation and the other term. */
  record SumMatch(Group group, Op operation, String addend) {}

  /**
   * Matches an addition in which one term is the result of an operation of a kind without other
   * readers.
   */
  Optional<SumMatch> sumWith(String kind, Op sum) {
    for (int term = 1; term >= 0; term--) {
      Op operation = ops.producer(sum.in().get(term), kind);
      String addend = sum.in().get(1 - term);
      if (operation != null && !sum.in().get(term).equals(addend)) {
        Set<Op> members = new LinkedHashSet<>(List.of(operation, sum));
        if (closed(members, sum)) {
          return Optional.of(new SumMatch(new Group(members, sum), operation, addend));
        }
      }
    }
    return Optional.empty();
  }
}
