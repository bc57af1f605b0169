package org.diffusion4j.samplers;

import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;

/**
 * Schedules whose last timestep is pure noise: Lin et al. 2024. There the clean samples do not
 * follow from a predicted noise, section 3.1.
 */
final class ZeroTerminalSnr {

  private ZeroTerminalSnr() {}

  /** Checks that a model that predicts noise is not called with pure noise. */
  static void requireFits(Denoiser model, List<Transition> transitions) {
    NoiseSchedule schedule = model.schedule();
    int last = schedule.steps() - 1;
    boolean predictsNoise =
        model.prediction() == Prediction.EPSILON || model.prediction() == Prediction.SCORE;
    if (!predictsNoise) {
      return;
    }
    boolean endsInNoise = schedule.alphaBar(last) == 0 && !schedule.isContinuous();
    for (Transition step : transitions) {
      if (step.at().signal() == 0 || (endsInNoise && step.t() > last - 1)) {
        throw new IllegalArgumentException(
            "the denoiser must predict velocities or samples where the schedule's alphaBar is 0, at"
                + " timestep "
                + last
                + ", but predicts noise: use such a model, a schedule without zero terminal SNR, or"
                + " timesteps below "
                + last);
      }
    }
  }
}
