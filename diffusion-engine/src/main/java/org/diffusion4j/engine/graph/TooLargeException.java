package org.diffusion4j.plan;

/** A batch that is too large for one plan. Smaller ones may have plans. */
final class TooLargeException extends RuntimeException {

  private static final long serialVersionUID = 1;

  TooLargeException(String reason) {
    super(reason);
  }
}
