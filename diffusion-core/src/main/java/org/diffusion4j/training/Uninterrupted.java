package org.diffusion4j.training;

import java.io.IOException;
import java.io.UncheckedIOException;

/** Work on files that is done to its end. */
final class Uninterrupted {

  /** Something that can be begun anew when it failed. */
  @FunctionalInterface
  interface Work {
    void run() throws IOException;
  }

  private Uninterrupted() {}

  /**
   * Does some work. An interrupt would close its files, so it begins anew and is answered after.
   */
  static void run(Work work) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          work.run();
          return;
        } catch (IOException | UncheckedIOException e) {
          if (!Thread.interrupted()) {
            throw e;
          }
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
