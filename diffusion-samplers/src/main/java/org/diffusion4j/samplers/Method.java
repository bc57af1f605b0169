package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What one sampler differs from another in. */
interface Method {

  /** The steps to take on a schedule. */
  List<Transition> transitions(NoiseSchedule schedule);

  /** What is done to the clean samples that a step predicts. */
  X0Correction correction();

  /**
   * One step.
   *
   * @param step from where to where
   * @param schedule what its timesteps refer to
   * @param estimate what the denoiser found in {@code x}
   * @param x the samples; left unchanged
   * @param noise gives standard normal noise of the shape of {@code x}, to be closed
   * @return new samples
   */
  INDArray step(
      Transition step,
      NoiseSchedule schedule,
      Estimate estimate,
      INDArray x,
      Supplier<INDArray> noise);

  /** The share of signal that the samples have at a timestep, -1 for clean ones. */
  default double alphaBar(NoiseSchedule schedule, int t) {
    return schedule.alphaBar(t);
  }

  /** Whether a run starts from given samples and not from noise. */
  default boolean startsFromSamples() {
    return false;
  }
}
