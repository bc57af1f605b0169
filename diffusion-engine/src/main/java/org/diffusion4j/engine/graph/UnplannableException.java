package org.diffusion4j.engine.graph;

/** The graph has no plan; only SameDiff's session can run it. */
public final class UnplannableException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public UnplannableException(String reason) {
    super(reason);
  }
}
