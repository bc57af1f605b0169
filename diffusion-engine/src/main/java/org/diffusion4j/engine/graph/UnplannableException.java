package org.diffusion4j.plan;

/** A graph that only SameDiff's session can run. */
public final class UnplannableException extends RuntimeException {

  private static final long serialVersionUID = 1;

  UnplannableException(String reason) {
    super(reason);
  }
}
