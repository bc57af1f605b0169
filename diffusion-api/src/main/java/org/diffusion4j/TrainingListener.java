package org.diffusion4j;

import java.nio.file.Path;

/**
 * Watches a trainer at work: for progress bars, loss curves, previews and tests. All methods are
 * called on the thread that trains. An exception ends the training and reaches the caller; the
 * model keeps the weights that it has.
 */
@FunctionalInterface
public interface TrainingListener {

  /** A listener that does nothing. */
  TrainingListener NONE = step -> {};

  /**
   * Called after each step.
   *
   * @param step what has just been done
   */
  void onStep(TrainingStep step);

  /**
   * Called when the data ended and is begun anew.
   *
   * @param epoch number of the epoch that ended, from 0
   * @param meanLoss mean loss of its samples, of those that this trainer saw
   */
  default void onEpoch(int epoch, double meanLoss) {}

  /**
   * Called when the loss on data that is not trained on was measured.
   *
   * @param step number of steps done
   * @param loss mean loss, on the same noise each time
   */
  default void onValidation(long step, double loss) {}

  /**
   * Called when a checkpoint is whole on the disk.
   *
   * @param step number of steps done
   * @param directory where it is
   */
  default void onCheckpoint(long step, Path directory) {}

  /** This listener and then another. */
  default TrainingListener andThen(TrainingListener next) {
    TrainingListener first = this;
    return new TrainingListener() {
      @Override
      public void onStep(TrainingStep step) {
        first.onStep(step);
        next.onStep(step);
      }

      @Override
      public void onEpoch(int epoch, double meanLoss) {
        first.onEpoch(epoch, meanLoss);
        next.onEpoch(epoch, meanLoss);
      }

      @Override
      public void onValidation(long step, double loss) {
        first.onValidation(step, loss);
        next.onValidation(step, loss);
      }

      @Override
      public void onCheckpoint(long step, Path directory) {
        first.onCheckpoint(step, directory);
        next.onCheckpoint(step, directory);
      }
    };
  }
}
