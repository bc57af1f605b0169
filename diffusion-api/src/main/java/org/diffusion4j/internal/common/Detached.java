package org.diffusion4j.internal.common;

import java.util.function.Supplier;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Work whose arrays belong to no workspace of the caller's: they stay valid when it is closed, and
 * may be closed by themselves.
 */
public final class Detached {

  private Detached() {}

  /** Does work that makes arrays, outside of the workspaces that are open on this thread. */
  public static <T> T get(Supplier<T> work) {
    Backend.start();
    if (Nd4j.getMemoryManager().getCurrentWorkspace() == null) {
      return work.get();
    }
    try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
      return work.get();
    }
  }
}
