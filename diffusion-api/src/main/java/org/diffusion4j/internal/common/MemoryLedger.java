package org.diffusion4j.internal.common;

import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Reserves memory for threads that are about to allocate it, so that two threads do not count on
 * the same memory. The system counts memory as used only after it is written to, so a claim is held
 * until then.
 */
public final class MemoryLedger {

  /** How long to wait for other claims, which are held only until their memory is written to. */
  private static final long PATIENCE_NANOS = 30_000_000_000L;

  private final LongSupplier available;
  private long promised;

  /**
   * @param available bytes that can be allocated, ignoring claims
   */
  public MemoryLedger(LongSupplier available) {
    this.available = available;
  }

  /** Memory that is reserved and may not have been written to yet. */
  public final class Claim implements AutoCloseable {

    private long bytes;

    private Claim(long bytes) {
      this.bytes = bytes;
    }

    /** Releases the claim: the memory was written to or is no longer needed. */
    @Override
    public void close() {
      synchronized (MemoryLedger.this) {
        promised -= bytes;
        bytes = 0;
        MemoryLedger.this.notifyAll();
      }
    }
  }

  /** Bytes that can still be reserved. */
  public synchronized long available() {
    return Math.max(0, available.getAsLong() - promised);
  }

  /**
   * Reserves memory. Waits if other claims prevent it, since their memory may be counted twice. A
   * thread with a claim must not request another one.
   *
   * @return to be closed when the memory has been written to; empty if there is too little
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
