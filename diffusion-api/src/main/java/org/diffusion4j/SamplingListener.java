package org.diffusion4j;

/** Watches a sampler at work: for progress bars, previews, trajectories and tests. */
@FunctionalInterface
public interface SamplingListener {

  /** A listener that does nothing. */
  SamplingListener NONE = step -> {};

  /**
   * Called after each step, on the thread that samples. An exception ends the run and reaches the
   * caller.
   *
   * @param step what has just been done; its arrays are valid only during the call
   */
  void onStep(SamplingStep step);
}
