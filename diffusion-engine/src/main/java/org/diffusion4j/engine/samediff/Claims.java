package org.diffusion4j.engine.samediff;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** Which operations belong to groups. An operation belongs to the first group that claims it. */
final class Claims {

  private final Map<Op, Runnable> found = new HashMap<>();
  private final Set<Op> hidden = new HashSet<>();

  /**
   * Claims the operations of a group, unless one of them is claimed.
   *
   * @param emit runs in place of the group's last operation
   */
  void add(Group group, Runnable emit) {
    if (group.members().stream().noneMatch(hidden::contains)) {
      hidden.addAll(group.members());
      found.put(group.last(), emit);
    }
  }

  boolean isFree(Op op) {
    return !hidden.contains(op);
  }

  /** Runs the groups and the operations that belong to none, in order. */
  void run(Ops ops, Consumer<Op> single) {
    for (Op op : ops.ordered()) {
      Runnable group = found.get(op);
      if (group != null) {
        group.run();
      } else if (isFree(op)) {
        single.accept(op);
      }
    }
  }
}
