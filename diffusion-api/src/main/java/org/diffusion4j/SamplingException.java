package org.diffusion4j;

/** Sampling came to a point from which it cannot go on. The message says at which step and why. */
public final class SamplingException extends RuntimeException {

  public SamplingException(String message) {
    super(message);
  }
}
