package org.diffusion4j.engine.samediff;

import java.util.Set;

/** Operations that become one; the last computes the group's result. */
public record Group(Set<Op> members, Op last) {

  /** The name of the result. */
  public String result() {
    return last.result();
  }
}
