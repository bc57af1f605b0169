package org.diffusion4j;

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
  TrainingReport train(DataSetIterator data, int steps, TrainingListener listener);

  /**
   * Trains unwatched.
   *
   * @see #train(DataSetIterator, int, TrainingListener)
   */
  default TrainingReport train(DataSetIterator data, int steps) {
    return train(data, steps, TrainingListener.NONE);
  }
}
