package org.diffusion4j.internal.common;

/** There is too little memory; thrown before it is allocated. */
public final class MemoryRefusedException extends IllegalStateException {

  private static final long serialVersionUID = 1;

  /**
   * @param message how much is needed and how much is available
   */
  public MemoryRefusedException(String message) {
    super(message);
  }
}
