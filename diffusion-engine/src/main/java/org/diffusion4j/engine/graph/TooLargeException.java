package org.diffusion4j.engine.graph;

/** A batch that is too large for one plan. Smaller ones may have plans. */
public final class TooLargeException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public TooLargeException(String reason) {
    super(reason);
  }
}
