package org.diffusion4j.engine.samediff;

import com.google.common.primitives.Longs;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Recognises group normalisation written out in elementary operations, with the bias before it and
 * the scale, shift and SiLU after it, if they are there.
 */
final class GroupNormPattern {

  private final Ops ops;
  private final Patterns patterns;

  GroupNormPattern(Ops ops, Patterns patterns) {
    this.ops = ops;
    this.patterns = patterns;
  }

  /** Matches {@code Layers.groupNorm}, starting at its first reshape. */
  Optional<GroupNormMatch> match(Op start) {
    Trail trail = new Trail(ops, start);
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
            && trail.holds(patterns.closed(trail.members, shifted));
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
            Longs.asList(image.integers()).subList(1, image.integers().length),
            eps.scalar(),
            false);
    return Optional.of(withSilu(withScaleAndShift(withBias(plain))));
  }

  /** Extends the match by an addition of a value per channel before it. */
  private GroupNormMatch withBias(GroupNormMatch match) {
    Op sum = ops.producer(match.x(), "add");
    Op bias = sum == null ? null : ops.producer(sum.in().get(1), "reshape");
    if (sum == null || bias == null || !perChannel(bias)) {
      return match;
    }
    return extended(
        match,
        List.of(sum, bias),
        match.group().last(),
        group -> match.extended(group, sum.in().get(0), bias.in().get(0), null, null, false));
  }

  /** Whether a reshape gives one value per sample and channel, {@code [-1, channels, 1, 1]}. */
  private static boolean perChannel(Op reshape) {
    long[] shape = reshape.integers();
    return shape.length == 5 && shape[1] == -1 && shape[3] == 1 && shape[4] == 1;
  }

  /** Extends the match by {@code Layers.scaleShift}: {@code y (1 + scale) + shift}. */
  private GroupNormMatch withScaleAndShift(GroupNormMatch match) {
    Trail trail = new Trail(ops, match.group().last());
    Op zeros = trail.to("zeroslike");
    Op expanded = trail.to("add");
    Op scaled = trail.to("multiply");
    Op shifted = trail.to("add");
    Op shift = trail.from(shifted, 1, "reshape");
    boolean matches =
        trail.holds(expanded.in().get(0).equals(zeros.result()))
            && trail.holds(
                scaled.in().equals(List.of(match.group().last().result(), expanded.result())))
            && trail.holds(perChannel(shift));
    if (!matches) {
      return match;
    }
    trail.members.remove(match.group().last());
    return extended(
        match,
        List.copyOf(trail.members),
        shifted,
        group ->
            match.extended(
                group, match.x(), match.bias(), expanded.in().get(1), shift.in().get(0), false));
  }

  private GroupNormMatch withSilu(GroupNormMatch match) {
    Op silu = ops.consumer(match.group().last().result(), "swish");
    if (silu == null) {
      return match;
    }
    return extended(
        match,
        List.of(silu),
        silu,
        group ->
            match.extended(group, match.x(), match.bias(), match.scale(), match.shift(), true));
  }

  private interface Rebuild {
    GroupNormMatch with(Group group);
  }

  private GroupNormMatch extended(GroupNormMatch match, List<Op> more, Op last, Rebuild rebuild) {
    Set<Op> members = new HashSet<>(match.group().members());
    members.addAll(more);
    return patterns.closed(members, last) ? rebuild.with(new Group(members, last)) : match;
  }
}
