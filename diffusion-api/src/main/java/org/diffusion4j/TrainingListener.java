package org.diffusion4j;

/** Watches a trainer at work: for progress bars, loss curves, previews and tests. */
@FunctionalInterface
public interface TrainingListener {

  /** A listener that does nothing. */
  TrainingListener NONE = step -> {};

  /**
   * Called after each step, on the thread that trains. An exception ends the training and reaches
   * the caller; the model keeps the step's weights.
   *
   * @param step what has just been done
   */
  void onStep(TrainingStep step);

  /** This listener and then another. */
  default TrainingListener andThen(TrainingListener next) {
    return step -> {
      onStep(step);
      next.onStep(step);
    };
  }
}
