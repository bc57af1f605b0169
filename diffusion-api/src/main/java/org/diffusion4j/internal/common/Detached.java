package org.diffusion4j.internal.common;

import java.util.function.Supplier;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runs work outside of the caller's ND4J workspaces: the arrays that it creates stay valid when a
 * workspace is closed, and can be closed individually.
 */
public final class Detached {

  private Detached() {}

  /** Runs work outside of the workspaces that are open on this thread. */
  public static <T> T get(Supplier<T> work) {
    Backend.start();
    if (Nd4j.getMemoryManager().getCurrentWorkspace() == null) {
      return work.get();
    }
    try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
      return work.get();
    }
  }

  /** The same for work without a result. */
  public static void run(Runnable work) {
    get(
        () -> {
          work.run();
          return true;
        });
  }
}
