package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.util.List;

/** How far a job is. */
sealed interface News {

  /** It waits for its turn. */
  record Waiting() implements News {}

  /**
   * A step was done of a job that somebody watches.
   *
   * @param steps number of steps in all
   * @param index number of this step, from 1
   * @param previews what the step expects the pictures to become; empty if this step has none
   */
  record Stepped(int steps, int index, List<BufferedImage> previews) implements News {}

  /**
   * It is done.
   *
   * @param pictures in the order of the samples
   * @param seconds since the job's turn came
   */
  record Finished(List<BufferedImage> pictures, double seconds) implements News {}

  /** It ended without pictures. */
  record Failed(Refusal why) implements News {}

  /** Whether no more news will come. */
  default boolean last() {
    return this instanceof Finished || this instanceof Failed;
  }
}
