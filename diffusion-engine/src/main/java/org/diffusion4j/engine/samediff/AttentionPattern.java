package org.diffusion4j.engine.samediff;

import com.google.common.primitives.Ints;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Finds attention, where permutations of the operands and of the result are optional:
 *
 * <pre>
 * scores = mmul(q.permute(...), k.permute(...))
 * weights = softmax(scores.mul(factor).add(mask))
 * y = mmul(weights, v.permute(...)).permute(...)
 * </pre>
 */
final class AttentionPattern {

  private final Ops ops;
  private final Patterns patterns;
  private final Set<Op> members = new LinkedHashSet<>();

  private AttentionPattern(Ops ops, Patterns patterns) {
    this.ops = ops;
    this.patterns = patterns;
  }

  /**
   * An operand: the named value with its dimensions in another order, as matrices.
   *
   * @param order dimension d of the operand is dimension {@code order[d]} of the value, or null
   * @param transposed whether the last two dimensions are then exchanged
   */
  record Operand(String name, @Nullable List<Integer> order, boolean transposed) {}

  /**
   * An attention.
   *
   * @param mask the name of what is added to the scores, or null
   * @param order dimension d of the result is dimension {@code order[d]} of the product, or null
   */
  record AttentionMatch(
      Group group,
      Operand q,
      Operand k,
      Operand v,
      double factor,
      @Nullable String mask,
      @Nullable List<Integer> order) {}

  /** Matches by the softmax. */
  static Optional<AttentionMatch> match(Ops ops, Patterns patterns, Op softmax) {
    return new AttentionPattern(ops, patterns).match(softmax);
  }

  private Optional<AttentionMatch> match(Op softmax) {
    Op product = ops.consumer(softmax.result(), "matmul");
    if (product == null
        || !product.in().get(0).equals(softmax.result())
        || isTransposed(product, 0)
        || isTransposed(product, 2)
        || !isLastAxis(softmax)) {
      return Optional.empty();
    }
    members.addAll(List.of(softmax, product));
    String scores = softmax.in().get(0);
    String mask = null;
    Op sum = ops.producer(scores, "add");
    if (sum != null) {
      int term = isScores(sum.in().get(0)) ? 0 : 1;
      members.add(sum);
      scores = sum.in().get(term);
      mask = sum.in().get(1 - term);
    }
    double factor = 1;
    Op scale = scale(scores);
    if (scale != null) {
      members.add(scale);
      scores = scale.in().get(0);
      factor = scale.is("mul_scalar") ? scale.scalar() : 1 / scale.scalar();
    }
    Op inner = ops.producer(scores, "matmul");
    if (inner == null || isTransposed(inner, 2) || (mask != null && patterns.isWanted(mask))) {
      return Optional.empty();
    }
    members.add(inner);
    Operand q = operand(inner, 0);
    Operand k = operand(inner, 1);
    Operand v = operand(product, 1);
    Op last = result(product);
    List<Integer> order = last.equals(product) ? null : order(last);
    return patterns.closed(members, last)
        ? Optional.of(
            new AttentionMatch(
                new Group(members, last),
                q,
                new Operand(k.name, k.order, !k.transposed),
                v,
                factor,
                mask,
                order))
        : Optional.empty();
  }

  private boolean isScores(String name) {
    Op scale = scale(name);
    return ops.producer(scale == null ? name : scale.in().get(0), "matmul") != null;
  }

  private @Nullable Op scale(String name) {
    Op product = ops.producer(name, "mul_scalar");
    return product == null ? ops.producer(name, "div_scalar") : product;
  }

  private static boolean isTransposed(Op product, int which) {
    return product.integers().length != 3 || product.integers()[which] != 0;
  }

  private static boolean isLastAxis(Op softmax) {
    return softmax.integers().length == 0 || softmax.integers()[0] == -1;
  }

  /** An input of a product, before its permutation if nothing else reads the permuted one. */
  private Operand operand(Op product, int input) {
    String name = product.in().get(input);
    boolean transposed = isTransposed(product, input);
    Op permute = ops.producer(name, "permute");
    if (permute == null || order(permute) == null || !patterns.isReadOnlyBy(name, product)) {
      return new Operand(name, null, transposed);
    }
    members.add(permute);
    return new Operand(permute.in().get(0), order(permute), transposed);
  }

  /** The permutation of a product that keeps rows contiguous, or the product itself. */
  private Op result(Op product) {
    Op permute = ops.consumer(product.result(), "permute");
    List<Integer> order = permute == null ? null : order(permute);
    if (permute == null
        || order == null
        || order.get(order.size() - 1) != order.size() - 1
        || !patterns.isReadOnlyBy(product.result(), permute)) {
      return product;
    }
    members.add(permute);
    return permute;
  }

  /** The order of dimensions, or null if it is not a constant permutation. */
  private static @Nullable List<Integer> order(Op permute) {
    int[] order = Ints.toArray(Arrays.stream(permute.integers()).boxed().toList());
    boolean complete =
        permute.in().size() == 1
            && IntStream.range(0, order.length).allMatch(d -> Ints.contains(order, d));
    return complete ? Ints.asList(order) : null;
  }
}
