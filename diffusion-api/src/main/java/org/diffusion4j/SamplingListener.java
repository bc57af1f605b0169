package org.diffusion4j;

import java.time.Duration;
import java.util.Objects;
import org.diffusion4j.internal.common.Shown;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Observes a sampler, for example for progress bars, previews, trajectories and tests. */
@FunctionalInterface
public interface SamplingListener {

  /** A listener that does nothing. */
  SamplingListener NONE = step -> {};

  /**
   * Called after each step, on the sampling thread. An exception ends the run and is passed to the
   * caller; the run's arrays are freed.
   *
   * @param step the step that has just been done; its arrays are valid only during the call
   */
  void onStep(Step step);

  /** A listener that calls this one and then another. */
  default SamplingListener andThen(SamplingListener next) {
    Objects.requireNonNull(next, "next");
    return step -> {
      onStep(step);
      next.onStep(step);
    };
  }

  /**
   * One step of a sampler on one batch.
   *
   * @param first index of the batch's first sample within the request
   * @param count number of samples of the request, over all batches
   * @param index number of this step, from 0
   * @param steps number of steps in all
   * @param t the timestep that the denoiser got; it may be fractional
   * @param x the samples after the step, {@code [batch, sampleShape...]}; valid only during the
   *     call
   * @param x0 the clean samples predicted in this step, of the same shape; valid only during the
   *     call
   * @param elapsed time since the run began
   */
  record Step(
      int first,
      int count,
      int index,
      int steps,
      double t,
      INDArray x,
      INDArray x0,
      Duration elapsed) {

    /** The fraction of the run that is done, over all batches, in (0, 1]. */
    public double progress() {
      double done = (double) first * steps + (double) x.size(0) * (index + 1);
      return done / ((double) count * steps);
    }

    /**
     * The estimated time until the end of the run, over all batches, assuming that the time per
     * step and sample stays the same.
     */
    public Duration remaining() {
      double progress = progress();
      return Duration.ofNanos(Math.round(elapsed.toNanos() * ((1 - progress) / progress)));
    }

    /** Contains only the shape of an array. */
    @Override
    public String toString() {
      return "Step[first="
          + first
          + " of "
          + count
          + ", index="
          + index
          + " of "
          + steps
          + ", t="
          + t
          + ", x="
          + Shown.array(x)
          + ", elapsed="
          + elapsed
          + "]";
    }
  }
}
