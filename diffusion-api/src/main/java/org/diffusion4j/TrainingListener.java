package org.diffusion4j;

import java.nio.file.Path;
import java.util.List;

/**
 * Observes a trainer, for example for progress bars, loss curves, previews and tests. All methods
 * are called on the training thread. An exception ends the training and is passed to the caller;
 * the model keeps its current weights.
 */
@FunctionalInterface
public interface TrainingListener {

  /** A listener that does nothing. */
  TrainingListener NONE = step -> {};

  /**
   * Called after each step.
   *
   * @param step the step that has just been done
   */
  void onStep(Step step);

  /**
   * Called at the end of an epoch.
   *
   * @param epoch number of the epoch that ended, from 0
   * @param meanLoss mean loss of its samples that this trainer has seen
   */
  default void onEpoch(int epoch, double meanLoss) {}

  /**
   * Called after a validation.
   *
   * @param step number of steps done
   * @param loss mean loss of the validation data, with the same noise each time
   */
  default void onValidation(long step, double loss) {}

  /**
   * Called when a checkpoint has been written completely.
   *
   * @param step number of steps done
   * @param directory its directory
   */
  default void onCheckpoint(long step, Path directory) {}

  /** A listener that calls this one and then another. */
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
   * An optimizer step.
   *
   * @param index number of this step since training began, from 0
   * @param epoch number of the epoch, from 0
   * @param batchSize number of samples in the step
   * @param loss loss before the update
   * @param smoothedLoss exponential moving average of the losses; each step has weight 1/50
   * @param lossByQuartile the same average over samples with a timestep in the first, second, third
   *     and last quarter of the schedule; NaN where there was no sample yet
   * @param gradientNorm Euclidean norm of the gradient over all weights, before any clipping
   * @param learningRate learning rate of this step
   * @param samplesPerSecond since the previous step, including listeners
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
