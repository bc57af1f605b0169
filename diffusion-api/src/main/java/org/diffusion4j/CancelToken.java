package org.diffusion4j;

/**
 * Cancels a run from any thread. Samplers and trainers check the token after each step, in the same
 * way as {@link Thread#interrupt()}. A cancelled token stays cancelled.
 */
public final class CancelToken {

  private volatile boolean cancelled;

  /** Requests that all runs with this token stop. */
  public void cancel() {
    cancelled = true;
  }

  /** Whether {@link #cancel} was called. */
  public boolean isCancelled() {
    return cancelled;
  }
}
