package org.diffusion4j.internal.common;

import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Promises memory to those who are about to take it, so that two threads are not promised the same.
 * The system counts memory as used only when it is written to: a claim is held from the question
 * until then.
 */
public final class MemoryLedger {

  /**
   * A claim is held for as long as it takes to write to its memory, not for as long as it lives.
   */
  private static final long PATIENCE_NANOS = 30_000_000_000L;

  private final LongSupplier available;
  private long promised;

  /**
   * @param available bytes that can still be taken, without regard to claims
   */
  public MemoryLedger(LongSupplier available) {
    this.available = available;
  }

  /** Memory that was promised and may not have been written to yet. */
  public final class Claim implements AutoCloseable {

    private long bytes;

    private Claim(long bytes) {
      this.bytes = bytes;
    }

    /** Says that the memory was written to, or is not wanted any more. */
    @Override
    public void close() {
      synchronized (MemoryLedger.this) {
        promised -= bytes;
        bytes = 0;
        MemoryLedger.this.notifyAll();
      }
    }
  }

  /** Bytes that can still be promised. */
  public synchronized long available() {
    return Math.max(0, available.getAsLong() - promised);
  }

  /**
   * Claims memory. Waits while the claims of others are in the way, which may turn out to be
   * counted twice: who holds a claim makes no other one.
   *
   * @return to be closed once the memory was written to; empty if there is too little
   */
  public synchronized Optional<Claim> claim(long bytes) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    boolean interrupted = false;
    try {
      while (true) {
        if (bytes < Long.MAX_VALUE && bytes <= available()) {
          promised += bytes;
          return Optional.of(new Claim(bytes));
        }
        long left = (end - System.nanoTime()) / 1_000_000;
        if (promised == 0 || left <= 0) {
          return Optional.empty();
        }
        try {
          wait(left);
        } catch (InterruptedException e) {
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
