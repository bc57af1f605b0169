package org.diffusion4j;

import java.nio.file.Path;
import java.util.List;

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
  void onStep(Step step);

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
      public void onStep(Step step) {
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

  /**
   * One optimizer step.
   *
   * @param index number of this step since training began, from 0
   * @param epoch how often the data has been begun anew, from 0
   * @param batchSize number of samples in the step
   * @param loss the step's loss before it
   * @param smoothedLoss exponential average of the losses, of which a step counts a fiftieth
   * @param lossByQuartile the same average of the samples whose timestep lies in the first, second,
   *     third and last quarter of the schedule; NaN where there was none yet
   * @param gradientNorm Euclidean norm of the gradient over all weights, before any clipping
   * @param learningRate of this step
   * @param samplesPerSecond since the step before, listeners included
   */
  record Step(
      long index,
      int epoch,
      int batchSize,
      double loss,
      double smoothedLoss,
      List<Double> lossByQuartile,
      double gradientNorm,
      double learningRate,
      double samplesPerSecond) {

    public Step {
      lossByQuartile = List.copyOf(lossByQuartile);
    }
  }
}
