package org.diffusion4j.engine.graph;

/** A batch is too large for one plan. A smaller batch may have a plan. */
public final class TooLargeException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public TooLargeException(String reason) {
    super(reason);
  }
}
