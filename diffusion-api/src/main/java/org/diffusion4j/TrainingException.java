package org.diffusion4j;

/** Training failed. The message says at which step and why. */
public final class TrainingException extends RuntimeException {

  private final long step;

  /**
   * @param step number of the step that failed, from 0
   * @param message what failed
   */
  public TrainingException(long step, String message) {
    super(message);
    this.step = step;
  }

  /** The number of the step that failed, from 0. */
  public long step() {
    return step;
  }
}
