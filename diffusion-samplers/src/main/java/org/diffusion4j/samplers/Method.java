package org.diffusion4j.samplers;

import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;

/** What one sampler differs from another in. Immutable. */
interface Method {

  /** The steps to take on a schedule. */
  List<Transition> transitions(NoiseSchedule schedule);

  /** What is done to the clean samples that a step predicts. */
  X0Correction correction();

  /**
   * The beginning of a walk of one batch.
   *
   * @param steps those of {@link #transitions}; the walk takes them in order, perhaps from a later
   *     one on
   * @param schedule of the denoiser
   */
  Run start(List<Transition> steps, NoiseSchedule schedule);

  /** Whether a walk starts from given samples and not from noise. */
  default boolean startsFromSamples() {
    return false;
  }

  /**
   * Checks that the method can use a denoiser.
   *
   * @throws IllegalArgumentException if it cannot
   */
  default void requireFits(Denoiser model) {}
}
