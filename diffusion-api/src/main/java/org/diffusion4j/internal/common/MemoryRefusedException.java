package org.diffusion4j.internal.common;

/** Memory that is not there, told before it is taken. */
public final class MemoryRefusedException extends IllegalStateException {

  private static final long serialVersionUID = 1;

  /**
   * @param message what is needed and what is there
   */
  public MemoryRefusedException(String message) {
    super(message);
  }
}
