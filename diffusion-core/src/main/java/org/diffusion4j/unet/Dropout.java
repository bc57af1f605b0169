package org.diffusion4j.unet;

/**
 * Which values the dropout layers of a model drop while it is trained: a function of the seed, of
 * the number of the sample, of the layer and of the value's place. So a batch may be taken in
 * pieces, by any number of threads.
 *
 * @param seed of the step
 * @param firstSample number, within the step, of the first sample of a call; not negative
 */
public record Dropout(long seed, int firstSample) {

  /**
   * @throws IllegalArgumentException if {@code firstSample} is negative
   */
  public Dropout {
    if (firstSample < 0) {
      throw new IllegalArgumentException(
          "first sample must not be negative but was " + firstSample);
    }
  }
}
