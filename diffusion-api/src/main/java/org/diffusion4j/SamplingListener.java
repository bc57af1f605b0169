package org.diffusion4j;

import java.util.Objects;

/** Watches a sampler at work: for progress bars, previews, trajectories and tests. */
@FunctionalInterface
public interface SamplingListener {

  /** A listener that does nothing. */
  SamplingListener NONE = step -> {};

  /**
   * Called after each step, on the thread that samples. An exception ends the run and reaches the
   * caller; the run's arrays are freed.
   *
   * @param step what has just been done; its arrays are valid only during the call
   */
  void onStep(SamplingStep step);

  /** This listener and then another. */
  default SamplingListener andThen(SamplingListener next) {
    Objects.requireNonNull(next, "next");
    return step -> {
      onStep(step);
      next.onStep(step);
    };
  }
}
