package org.diffusion4j.engine.samediff;

import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ops.NoOp;

/**
 * Finds groups of operations that one kernel computes: group normalisation written in elementary
 * operations, attention, a matrix product with a bias, a convolution with an addition.
 */
final class Patterns {

  private final Ops ops;
  private final Set<String> kept;

  /**
   * @param kept requested results, which no group may hide
   */
  Patterns(Ops ops, Set<String> kept) {
    this.ops = ops;
    this.kept = kept;
  }

  /** Operations that become one node; the last computes the group's result. */
  record Group(Set<Op> members, Op last) {}

  /** Whether no operation outside reads an inner result, except that of the last operation. */
  private boolean closed(Set<Op> members, Op last) {
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

  /** The inputs and the settings of a group norm. */
  record GroupNormMatch(
      Group group,
      String x,
      @Nullable String bias,
      String gamma,
      String beta,
      @Nullable String scale,
      @Nullable String shift,
      int groups,
      long groupSize,
      double eps,
      boolean silu) {}

  /** Follows operations by kind; if one is missing, all later ones are, too. */
  private final class Trail {

    final Set<Op> members = new LinkedHashSet<>();
    private @Nullable Op at;
    private boolean lost;

    Trail(Op start) {
      at = start;
      members.add(start);
    }

    /** Moves to a reader of the last result. */
    Op to(String kind) {
      return found(at == null ? null : ops.consumer(at.result(), kind));
    }

    /** Adds the operation that computes an input of an operation. */
    Op from(Op reader, int input, String kind) {
      Op here = at;
      Op op = found(reader.in().size() > input ? ops.producer(reader.in().get(input), kind) : null);
      at = here;
      return op;
    }

    void goTo(Op op) {
      at = op;
    }

    private Op found(@Nullable Op op) {
      if (op == null || lost) {
        lost = true;
        return NONE;
      }
      members.add(op);
      at = op;
      return op;
    }

    boolean holds(boolean condition) {
      lost |= !condition;
      return !lost;
    }
  }

  private static final Op NONE = new Op("none", new NoOp(), List.of("", ""), List.of(""));

  /** Matches {@code Layers.groupNorm}, starting at its first reshape. */
  Optional<GroupNormMatch> groupNorm(Op start) {
    Trail trail = new Trail(start);
    Op mean = trail.to("reduce_mean");
    trail.goTo(start);
    Op centred = trail.to("subtract");
    Op square = trail.to("multiply");
    Op variance = trail.to("reduce_mean");
    Op eps = trail.to("add_scalar");
    Op inverse = trail.to("rsqrt");
    Op factor = trail.to("multiply");
    Op gamma = trail.from(factor, 0, "reshape");
    Op perChannel = trail.to("reshape");
    trail.goTo(centred);
    Op image = trail.to("reshape");
    Op zeros = trail.to("zeroslike");
    Op expanded = trail.to("add");
    Op scaled = trail.to("multiply");
    Op shifted = trail.to("add");
    Op beta = trail.from(shifted, 1, "reshape");
    boolean matches =
        trail.holds(centred.in().equals(List.of(start.result(), mean.result())))
            && trail.holds(square.in().equals(List.of(centred.result(), centred.result())))
            && trail.holds(factor.in().equals(List.of(gamma.result(), inverse.result())))
            && trail.holds(expanded.in().equals(List.of(zeros.result(), perChannel.result())))
            && trail.holds(scaled.in().equals(List.of(image.result(), expanded.result())))
            && trail.holds(shifted.in().equals(List.of(scaled.result(), beta.result())))
            && trail.holds(start.integers().length == 4)
            && trail.holds(mean.reduces(2) && variance.reduces(2))
            && trail.holds(closed(trail.members, shifted));
    if (!matches) {
      return Optional.empty();
    }
    GroupNormMatch plain =
        new GroupNormMatch(
            new Group(trail.members, shifted),
            start.in().get(0),
            null,
            gamma.in().get(0),
            beta.in().get(0),
            null,
            null,
            (int) start.integers()[2],
            start.integers()[3],
            eps.scalar(),
            false);
    return Optional.of(withSilu(withScaleAndShift(withBias(plain))));
  }

  /** Extends the match by an addition of a value per channel before it. */
  private GroupNormMatch withBias(GroupNormMatch match) {
    Op sum = ops.producer(match.x, "add");
    Op bias = sum == null ? null : ops.producer(sum.in().get(1), "reshape");
    if (sum == null || bias == null || !perChannel(bias)) {
      return match;
    }
    return extended(
        match,
        List.of(sum, bias),
        match.group.last,
        group ->
            new GroupNormMatch(
                group,
                sum.in().get(0),
                bias.in().get(0),
                match.gamma,
                match.beta,
                null,
                null,
                match.groups,
                match.groupSize,
                match.eps,
                false));
  }

  /** Whether a reshape gives one value per sample and channel, {@code [-1, channels, 1, 1]}. */
  private static boolean perChannel(Op reshape) {
    long[] shape = reshape.integers();
    return shape.length == 5 && shape[1] == -1 && shape[3] == 1 && shape[4] == 1;
  }

  /** Extends the match by {@code Layers.scaleShift}: {@code y (1 + scale) + shift}. */
  private GroupNormMatch withScaleAndShift(GroupNormMatch match) {
    Trail trail = new Trail(match.group.last);
    Op zeros = trail.to("zeroslike");
    Op expanded = trail.to("add");
    Op scaled = trail.to("multiply");
    Op shifted = trail.to("add");
    Op shift = trail.from(shifted, 1, "reshape");
    boolean matches =
        trail.holds(expanded.in().get(0).equals(zeros.result()))
            && trail.holds(
                scaled.in().equals(List.of(match.group.last.result(), expanded.result())))
            && trail.holds(perChannel(shift));
    if (!matches) {
      return match;
    }
    trail.members.remove(match.group.last);
    return extended(
        match,
        List.copyOf(trail.members),
        shifted,
        group ->
            new GroupNormMatch(
                group,
                match.x,
                match.bias,
                match.gamma,
                match.beta,
                expanded.in().get(1),
                shift.in().get(0),
                match.groups,
                match.groupSize,
                match.eps,
                false));
  }

  private GroupNormMatch withSilu(GroupNormMatch match) {
    Op silu = ops.consumer(match.group.last.result(), "swish");
    if (silu == null) {
      return match;
    }
    return extended(
        match,
        List.of(silu),
        silu,
        group ->
            new GroupNormMatch(
                group,
                match.x,
                match.bias,
                match.gamma,
                match.beta,
                match.scale,
                match.shift,
                match.groups,
                match.groupSize,
                match.eps,
                true));
  }

  private interface Rebuild {
    GroupNormMatch with(Group group);
  }

  private GroupNormMatch extended(GroupNormMatch match, List<Op> more, Op last, Rebuild rebuild) {
    Set<Op> members = new HashSet<>(match.group.members);
    members.addAll(more);
    return closed(members, last) ? rebuild.with(new Group(members, last)) : match;
  }

  /** The inputs of an attention, each {@code [batch, channels, height, width]}. */
  record AttentionMatch(
      Group group, String q, String k, String v, double factor, long headChannels) {}

  /** Matches {@code UNetGraph.attention}, starting at its softmax. */
  Optional<AttentionMatch> attention(Op softmax) {
    Trail trail = new Trail(softmax);
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
        new AttentionMatch(
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
