package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Euler's method with noise: each step goes below the next noise level and adds noise up to it, as
 * much as DDPM's posterior has (k-diffusion's Euler ancestral).
 */
public final class EulerAncestralSampler extends LoopSampler {

  private final Ancestral method;

  private EulerAncestralSampler(Ancestral method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 to 0.
   *
   * @param steps in [1, T]
   */
  public EulerAncestralSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public EulerAncestralSampler(Timesteps timesteps) {
    this(new Ancestral(timesteps, X0Correction.none()));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public EulerAncestralSampler withCorrection(X0Correction correction) {
    return new EulerAncestralSampler(new Ancestral(method.timesteps, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "EulerAncestralSampler[" + method.timesteps + "]";
  }

  record Ancestral(Timesteps timesteps, X0Correction correction) implements Method {

    Ancestral {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.nodes(schedule, FinalSigma.ZERO).transitions();
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return Ancestral::step;
    }

    private static INDArray step(
        Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      double up = up(step.from().sigma(), step.to().sigma());
      double down = down(step.from().sigma(), step.to().sigma());
      INDArray next = Flow.euler(x, estimate.x0(), step.from(), down, step.to());
      return up > 0 ? Linear.addNoise(next, step.to().signal() * up, noise) : next;
    }

    /** The noise that a step from one sigma to another adds: the deviation of DDPM's posterior. */
    static double up(double from, double to) {
      return to * Math.sqrt(from * from - to * to) / from;
    }

    /** Where it goes before, {@code sqrt(to^2 - up^2)}. */
    static double down(double from, double to) {
      return to * to / from;
    }
  }
}
