package org.diffusion4j.engine.graph;

/** A graph that only SameDiff's session can run. */
public final class UnplannableException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public UnplannableException(String reason) {
    super(reason);
  }
}
