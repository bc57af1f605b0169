package org.diffusion4j.engine.samediff;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ops.NoOp;

/** Matches a chain of operations by kind. After the first mismatch nothing matches. */
final class Trail {

  private static final Op NONE = new Op("none", new NoOp(), List.of("", ""), List.of(""));

  private final Ops ops;
  final Set<Op> members = new LinkedHashSet<>();
  private @Nullable Op at;
  private boolean lost;

  Trail(Ops ops, Op start) {
    this.ops = ops;
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
