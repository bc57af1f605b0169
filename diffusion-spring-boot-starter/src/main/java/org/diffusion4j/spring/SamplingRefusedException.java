package org.diffusion4j.spring;

/**
 * A sampling run was not started. A service answers HTTP status 503 to {@link Reason#QUEUE_FULL},
 * {@link Reason#TIMED_OUT} and {@link Reason#SHUTTING_DOWN}: the same request may succeed later or
 * elsewhere.
 */
public final class SamplingRefusedException extends RuntimeException {

  private static final long serialVersionUID = 1;

  private final Reason reason;

  SamplingRefusedException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /** Why a run was not started. */
  public enum Reason {
    /** As many callers as may wait were waiting already. */
    QUEUE_FULL,
    /** No run ended in time. */
    TIMED_OUT,
    /** The application is shutting down. */
    SHUTTING_DOWN,
    /** The model could not be loaded. */
    NOT_LOADED
  }

  /** Why the run was not started. */
  public Reason reason() {
    return reason;
  }
}
