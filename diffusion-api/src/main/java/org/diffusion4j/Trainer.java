package org.diffusion4j;

import java.time.Duration;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** Trains a denoiser. Not thread-safe. */
public interface Trainer {

  /**
   * Trains for a number of steps; the data are repeated as often as necessary.
   *
   * @param data batches of samples {@code [n, sampleShape...]} with values in [-1, 1] as features;
   *     for a class-conditional model one-hot labels {@code [n, classes]}
   * @param steps number of optimizer steps, at least 1
   * @param listener observes the training
   * @return a summary
   * @throws IllegalArgumentException if the data do not fit the model
   * @throws TrainingException if the loss or a gradient is not finite; the model keeps the last
   *     weights with a finite loss
   */
  Report train(DataSetIterator data, int steps, TrainingListener listener);

  /**
   * Trains without a listener.
   *
   * @see #train(DataSetIterator, int, TrainingListener)
   */
  default Report train(DataSetIterator data, int steps) {
    return train(data, steps, TrainingListener.NONE);
  }

  /**
   * A summary of a call of {@link Trainer#train}.
   *
   * @param steps number of optimizer steps
   * @param samples number of samples seen, including repetitions
   * @param firstLoss loss of the first step
   * @param lastLoss loss of the last step
   * @param meanLoss mean loss of the last tenth of the steps, at least one
   * @param duration how long it took
   * @param cancelled whether it was cancelled or interrupted before all steps were done
   */
  record Report(
      int steps,
      long samples,
      double firstLoss,
      double lastLoss,
      double meanLoss,
      Duration duration,
      boolean cancelled) {}

  /** Training failed. The message says at which step and why. */
  final class TrainingException extends RuntimeException {

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
}
