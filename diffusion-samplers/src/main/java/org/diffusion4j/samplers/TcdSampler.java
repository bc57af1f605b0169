package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Strategic stochastic sampling of a trajectory consistency model: TCD (Zheng et al. 2024),
 * algorithm 4. The model goes below the next level, and noise is added up to it. For networks that
 * were distilled for it.
 */
public final class TcdSampler extends LoopSampler {

  private static final int DISTILLED = 50;
  private static final double USUAL_ETA = 0.3;

  private final Trajectory method;

  private TcdSampler(Trajectory method) {
    this.method = method;
  }

  /**
   * With evenly spaced ones of the 50 steps of the usual distillation, and eta 0.3.
   *
   * @param steps in [1, 50]
   */
  public TcdSampler(int steps) {
    this(Timesteps.distilled(steps, DISTILLED), USUAL_ETA);
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit
   * @param eta how far below the next timestep the model goes, in [0, 1]: 0 deterministic, 1 to the
   *     clean samples; gamma of the paper
   */
  public TcdSampler(Timesteps timesteps, double eta) {
    this(new Trajectory(timesteps, eta, X0Correction.none()));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public TcdSampler withCorrection(X0Correction correction) {
    return new TcdSampler(new Trajectory(method.timesteps, method.eta, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "TcdSampler[" + method.timesteps + ", eta=" + method.eta + "]";
  }

  record Trajectory(Timesteps timesteps, double eta, X0Correction correction) implements Method {

    Trajectory {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
      if (!(eta >= 0 && eta <= 1)) {
        throw new IllegalArgumentException("eta must be in [0, 1] but was " + eta);
      }
    }

    /** The last step ends at timestep 0, as the distillation does. */
    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.down(schedule, Level.of(schedule.alphaBar(0)));
    }

    /** How far each step goes before noise is added: to {@code floor((1 - eta) t)}. */
    private List<Level> below(NoiseSchedule schedule) {
      List<Level> levels = new ArrayList<>();
      int[] t = timesteps.descending(schedule.steps());
      for (int i = 0; i < t.length; i++) {
        int next = i + 1 < t.length ? t[i + 1] : 0;
        levels.add(Level.of(schedule.alphaBar((int) ((1 - eta) * next))));
      }
      return levels;
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      List<Level> below = below(schedule);
      return (step, estimate, x, noise) -> step(step, below.get(step.index()), estimate, noise);
    }

    private INDArray step(
        Transition step, Level below, Estimate estimate, Supplier<INDArray> noise) {
      INDArray next =
          Linear.combine(below.signal(), estimate.x0(), below.noise(), estimate.epsilon());
      if (eta == 0 || step.last()) {
        return next;
      }
      double kept = step.to().alphaBar() / below.alphaBar();
      return Linear.addNoise(next.muli(Math.sqrt(kept)), Math.sqrt(1 - kept), noise);
    }
  }
}
