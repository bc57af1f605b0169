package org.diffusion4j.training;

import java.io.IOException;
import java.io.UncheckedIOException;

/** Runs file operations to the end, even if the thread is interrupted. */
final class Uninterrupted {

  /** An operation that can be repeated if it fails. */
  @FunctionalInterface
  interface Work {
    void run() throws IOException;
  }

  private Uninterrupted() {}

  /**
   * Runs an operation. If an interrupt closes its files, it is repeated, and the interrupt is
   * restored afterwards.
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
