package org.diffusion4j;

import java.time.Duration;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** Fits a denoiser to data. Not for use by several threads. */
public interface Trainer {

  /**
   * Trains for a number of steps, beginning the data anew whenever it ends.
   *
   * @param data batches of samples {@code [n, sampleShape...]} with values in [-1, 1] as features;
   *     for a class-conditional model one-hot labels {@code [n, classes]}
   * @param steps number of optimizer steps, at least 1
   * @param listener who watches
   * @return what was done
   * @throws IllegalArgumentException if the data does not fit the model
   * @throws TrainingException if the loss or a gradient is not finite; the model then has the last
   *     weights whose loss was finite
   */
  Report train(DataSetIterator data, int steps, TrainingListener listener);

  /**
   * Trains unwatched.
   *
   * @see #train(DataSetIterator, int, TrainingListener)
   */
  default Report train(DataSetIterator data, int steps) {
    return train(data, steps, TrainingListener.NONE);
  }

  /**
   * What a call of {@link Trainer#train} did.
   *
   * @param steps number of optimizer steps
   * @param samples number of samples seen, repetitions counted
   * @param firstLoss loss of the first step
   * @param lastLoss loss of the last step
   * @param meanLoss mean loss of the last tenth of the steps, at least one
   * @param duration how long it took
   * @param cancelled whether it ended before all steps were done, for somebody asked for that
   */
  record Report(
      int steps,
      long samples,
      double firstLoss,
      double lastLoss,
      double meanLoss,
      Duration duration,
      boolean cancelled) {}
}
