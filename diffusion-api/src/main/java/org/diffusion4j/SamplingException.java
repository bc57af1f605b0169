package org.diffusion4j;

/** Sampling failed. The message says at which step and why. */
public final class SamplingException extends RuntimeException {

  public SamplingException(String message) {
    super(message);
  }
}
