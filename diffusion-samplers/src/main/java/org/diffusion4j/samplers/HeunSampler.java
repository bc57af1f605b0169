package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Heun's method on the probability flow: EDM (Karras et al. 2022), algorithm 1. Of order 2; asks
 * the denoiser twice for each step but the last.
 */
public final class HeunSampler extends LoopSampler {

  private final Heun method;

  private HeunSampler(Heun method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 to 0.
   *
   * @param steps in [1, T]
   */
  public HeunSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public HeunSampler(Timesteps timesteps) {
    this(new Heun(timesteps, X0Correction.none()));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public HeunSampler withCorrection(X0Correction correction) {
    return new HeunSampler(new Heun(method.timesteps, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "HeunSampler[" + method.timesteps + "]";
  }

  record Heun(Timesteps timesteps, X0Correction correction) implements Method {

    Heun {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
    }

    /** A step of two stages goes to the next level, is asked there, and goes there again. */
    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      List<Transition> stages = new ArrayList<>();
      NoiseLevels nodes = timesteps.nodes(schedule, FinalSigma.ZERO);
      for (Transition step : nodes.transitions()) {
        Level from = step.from();
        Level to = step.to();
        stages.add(Transition.of(stages.size(), step.t(), from, to, step.last()));
        if (!step.last()) {
          double next = nodes.t()[step.index() + 1];
          stages.add(new Transition(stages.size(), next, to, from, to, false));
        }
      }
      return stages;
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return new TwoStages();
    }
  }

  private static final class TwoStages implements Run {

    private @Nullable INDArray start;
    private @Nullable INDArray direction;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      INDArray here = estimate.direction(x, step.at());
      if (direction == null) {
        start = x.dup();
        direction = here;
        return Flow.along(x, here, step.from(), step.to());
      }
      try (here;
          INDArray mean = Linear.combine(0.5, direction, 0.5, here)) {
        return Flow.along(Objects.requireNonNull(start), mean, step.from(), step.to());
      } finally {
        close();
      }
    }

    @Override
    public void close() {
      if (direction != null) {
        direction.close();
        direction = null;
      }
      if (start != null) {
        start.close();
        start = null;
      }
    }
  }
}
