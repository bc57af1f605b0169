package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Heun's method on the probability flow: EDM (Karras et al. 2022), algorithms 1 and 2. Of order 2;
 * asks the denoiser twice for each step but the last.
 */
public final class HeunSampler extends LoopSampler {

  private final Heun method;

  private HeunSampler(Heun method) {
    this.method = method;
  }

  /**
   * With Karras's noise levels, for which the algorithm was made: where levels are farther apart,
   * as those of evenly spaced timesteps are at first, the second stage overshoots.
   *
   * @param steps in [1, T]
   */
  public HeunSampler(int steps) {
    this(Timesteps.of(steps, SigmaSpacing.KARRAS));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public HeunSampler(Timesteps timesteps) {
    this(new Heun(timesteps, Churn.NONE, X0Correction.none()));
  }

  /** This sampler with noise added anew before each step: algorithm 2. */
  public HeunSampler withChurn(Churn churn) {
    return new HeunSampler(new Heun(method.timesteps, churn, method.correction));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public HeunSampler withCorrection(X0Correction correction) {
    return new HeunSampler(new Heun(method.timesteps, method.churn, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "HeunSampler["
        + method.timesteps
        + (method.churn.amount() > 0 ? ", " + method.churn : "")
        + "]";
  }

  record Heun(Timesteps timesteps, Churn churn, X0Correction correction) implements Method {

    Heun {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(churn, "churn");
      Objects.requireNonNull(correction, "correction");
    }

    /** A step of two stages goes to the next level, is asked there, and goes there again. */
    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      List<Transition> stages = new ArrayList<>();
      NoiseLevels nodes = timesteps.nodes(schedule, FinalSigma.ZERO);
      SigmaCurve curve = new SigmaCurve(schedule);
      for (Transition step : nodes.transitions()) {
        Level from = churn.raised(step.from(), nodes.t().length);
        Level to = step.to();
        double t = from == step.from() ? step.t() : curve.t(from.sigma());
        stages.add(Transition.of(stages.size(), t, from, to, step.last()));
        if (!step.last()) {
          double next = nodes.t()[step.index() + 1];
          stages.add(new Transition(stages.size(), next, to, from, to, false));
        }
      }
      return stages;
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return new TwoStages(churn, timesteps.nodes(schedule, FinalSigma.ZERO).levels());
    }
  }

  private static final class TwoStages implements Run {

    private final Churn churn;
    private final Level[] nodes;
    private @Nullable INDArray start;
    private @Nullable INDArray direction;

    TwoStages(Churn churn, Level[] nodes) {
      this.churn = churn;
      this.nodes = nodes.clone();
    }

    @Override
    public INDArray before(Transition step, INDArray x, Supplier<INDArray> noise) {
      Level node = nodes[step.index() / 2];
      Level raised = step.from();
      if (direction != null || raised.sigma() <= node.sigma()) {
        return x;
      }
      return churn.addTo(x, node, raised, noise);
    }

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
