package org.diffusion4j;

/**
 * Cancels a run from any thread. Samplers check the token before each denoiser call, trainers after
 * each step, as they check {@link Thread#isInterrupted}. A cancelled token stays cancelled.
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
