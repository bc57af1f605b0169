package org.diffusion4j;

/**
 * A way to ask a run to stop, from any thread: samplers and trainers look at it after each step, as
 * they look at {@link Thread#interrupt()}. Once cancelled it stays so.
 */
public final class CancelToken {

  private volatile boolean cancelled;

  /** Asks whoever was given this token to stop. */
  public void cancel() {
    cancelled = true;
  }

  /** Whether somebody asked. */
  public boolean isCancelled() {
    return cancelled;
  }
}
