package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Euler's method on the probability flow: EDM (Karras et al. 2022), algorithm 2 without its
 * correction. Of order 1; with the same timesteps the same as {@link DdimSampler} with eta 0.
 */
public final class EulerSampler extends LoopSampler {

  private final Euler method;

  private EulerSampler(Euler method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 to 0.
   *
   * @param steps in [1, T]
   */
  public EulerSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public EulerSampler(Timesteps timesteps) {
    this(new Euler(timesteps, FinalSigma.ZERO, Churn.NONE, false, false, X0Correction.none()));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public EulerSampler withCorrection(X0Correction correction) {
    return new EulerSampler(
        new Euler(
            method.timesteps,
            method.end,
            method.churn,
            method.unseenChurn,
            method.logLinear,
            correction));
  }

  /** This sampler with another end of its last step. */
  public EulerSampler withFinalSigma(FinalSigma end) {
    return new EulerSampler(
        new Euler(
            method.timesteps,
            end,
            method.churn,
            method.unseenChurn,
            method.logLinear,
            method.correction));
  }

  /** This sampler with noise added anew before each step: algorithm 2. */
  public EulerSampler withChurn(Churn churn) {
    return with(churn, false);
  }

  /**
   * {@link #withChurn} as in diffusers, which adds the noise after the denoiser was asked, so that
   * the denoiser does not see it.
   */
  EulerSampler withUnseenChurn(Churn churn) {
    return with(churn, true);
  }

  private EulerSampler with(Churn churn, boolean unseen) {
    return new EulerSampler(
        new Euler(
            method.timesteps, method.end, churn, unseen, method.logLinear, method.correction));
  }

  /**
   * This sampler with the logarithms of its noise levels evenly from the schedule's highest to its
   * lowest, whatever the timesteps that the denoiser is asked about: {@code
   * interpolation_type="log_linear"} of diffusers, which existing checkpoints may want.
   */
  EulerSampler withLogLinearLevels() {
    return new EulerSampler(
        new Euler(
            method.timesteps,
            method.end,
            method.churn,
            method.unseenChurn,
            true,
            method.correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "EulerSampler["
        + method.timesteps
        + ", end="
        + method.end
        + (method.logLinear ? ", log-linear" : "")
        + (method.churn.amount() > 0 ? ", " + method.churn : "")
        + "]";
  }

  record Euler(
      Timesteps timesteps,
      FinalSigma end,
      Churn churn,
      boolean unseenChurn,
      boolean logLinear,
      X0Correction correction)
      implements Method {

    Euler {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(end, "end");
      Objects.requireNonNull(churn, "churn");
      Objects.requireNonNull(correction, "correction");
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      NoiseLevels nodes = nodes(schedule);
      if (unseenChurn || churn.amount() == 0) {
        return nodes.transitions();
      }
      SigmaCurve curve = new SigmaCurve(schedule);
      List<Transition> raised = new ArrayList<>();
      for (Transition step : nodes.transitions()) {
        Level from = churn.raised(step.from(), nodes.t().length);
        double t = from == step.from() ? step.t() : curve.t(from.sigma());
        raised.add(Transition.of(step.index(), t, from, step.to(), step.last()));
      }
      return raised;
    }

    private NoiseLevels nodes(NoiseSchedule schedule) {
      NoiseLevels nodes = timesteps.nodes(schedule, end);
      return logLinear ? nodes.withLogLinear(schedule) : nodes;
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      if (churn.amount() == 0) {
        return (step, estimate, x, noise) -> step(step, estimate, x);
      }
      if (unseenChurn) {
        // diffusers counts one level more where they are log-linear.
        int parts = steps.size() + (logLinear ? 1 : 0);
        return (step, estimate, x, noise) -> unseen(step, estimate, x, noise, parts);
      }
      Level[] nodes = nodes(schedule).levels();
      return new Run() {
        @Override
        public INDArray before(Transition step, INDArray x, Supplier<INDArray> noise) {
          Level node = nodes[step.index()];
          boolean raised = step.from().sigma() > node.sigma();
          return raised ? churn.addTo(x, node, step.from(), noise) : x;
        }

        @Override
        public INDArray step(
            Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
          return Euler.step(step, estimate, x);
        }
      };
    }

    private static INDArray step(Transition step, Estimate estimate, INDArray x) {
      return Flow.euler(x, estimate.x0(), step.from(), step.to().sigma(), step.to());
    }

    private INDArray unseen(
        Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise, int parts) {
      Level from = step.from();
      Level raised = churn.raised(from, parts);
      if (raised == from) {
        return step(step, estimate, x);
      }
      try (INDArray noisier = churn.addTo(x, from, raised, noise);
          INDArray x0 = x0(estimate, noisier, from, raised)) {
        return Flow.euler(noisier, x0, raised, step.to().sigma(), step.to());
      }
    }

    /** What the output says of the noisier samples; diffusers scales velocities as before. */
    private static INDArray x0(Estimate estimate, INDArray noisier, Level from, Level raised) {
      if (estimate.prediction() != Prediction.VELOCITY) {
        return estimate.x0In(noisier, raised);
      }
      try (INDArray scaled = noisier.mul(from.signal() / raised.signal())) {
        return estimate.x0In(scaled, from);
      }
    }
  }
}
