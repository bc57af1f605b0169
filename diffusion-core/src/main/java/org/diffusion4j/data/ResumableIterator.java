package org.diffusion4j.data;

import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** Batches whose order is fixed by settings alone, so that they can be continued from anywhere. */
public interface ResumableIterator extends DataSetIterator {

  /**
   * A place in the data.
   *
   * @param epoch number of the epoch, from 0
   * @param sample number of samples of the epoch that were handed out
   */
  record Position(int epoch, int sample) {

    public Position {
      if (epoch < 0 || sample < 0) {
        throw new IllegalArgumentException(
            "epoch and sample must be at least 0 but were " + epoch + " and " + sample);
      }
    }
  }

  /** Where the next batch begins. */
  Position position();

  /**
   * Goes on from a place: the batches that follow are those that followed there.
   *
   * @throws IllegalArgumentException if the data has no such place
   */
  void seek(Position position);

  /**
   * What the batches are made of and how, without the place where files lie: two iterators of one
   * description give the same batches.
   */
  String description();
}
