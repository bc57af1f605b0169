package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.HeunSampler.Churn;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Euler's method for the probability flow ODE: EDM (Karras et al. 2022), algorithm 2 without its
 * second-order correction. It is of order 1, and with equal timesteps the same as {@link
 * DdimSampler} with eta 0.
 */
public final class EulerSampler extends LoopSampler<EulerSampler, EulerSampler.Options> {

  static final class Options extends LoopSampler.Options {

    private FinalSigma end = FinalSigma.ZERO;
    private Churn churn = Churn.NONE;
    private boolean unseenChurn;
    private boolean ancestral;
    private boolean logLinear;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private EulerSampler(Options options) {
    super(options, EulerSampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public EulerSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public EulerSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /** A copy with another end of the last step. */
  public EulerSampler withFinalSigma(FinalSigma end) {
    Objects.requireNonNull(end, "end");
    return with(o -> o.end = end);
  }

  /**
   * A copy that adds new noise before each step: algorithm 2. Cannot be combined with ancestral
   * noise.
   */
  public EulerSampler withChurn(Churn churn) {
    Objects.requireNonNull(churn, "churn");
    return with(
        o -> {
          o.churn = churn;
          o.unseenChurn = false;
        });
  }

  /**
   * {@link #withChurn} as in diffusers: the noise is added after the denoiser call, so the denoiser
   * does not see it.
   */
  EulerSampler withUnseenChurn(Churn churn) {
    return withChurn(churn).with(o -> o.unseenChurn = true);
  }

  /**
   * A copy with ancestral noise: each step goes below the next noise level and adds noise up to it,
   * as much as DDPM's posterior has (k-diffusion's Euler ancestral).
   */
  public EulerSampler withAncestralNoise() {
    return with(o -> o.ancestral = true);
  }

  /**
   * A copy with noise levels that are evenly spaced in the logarithm from the schedule's highest to
   * its lowest, for any timesteps of the denoiser calls: {@code interpolation_type="log_linear"} of
   * diffusers, for existing checkpoints.
   */
  EulerSampler withLogLinearLevels() {
    return with(o -> o.logLinear = true);
  }

  @Override
  String described() {
    return ", end="
        + options.end
        + (options.logLinear ? ", log-linear" : "")
        + (options.ancestral ? ", ancestral" : "")
        + (options.churn.amount() > 0 ? ", " + options.churn : "");
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    Churn churn = options.churn;
    if (options.ancestral && churn.amount() > 0) {
      throw new IllegalArgumentException(
          "churn must be 0 with ancestral noise but was " + churn.amount());
    }
    NoiseLevels nodes = nodes(schedule);
    if (options.unseenChurn || churn.amount() == 0) {
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
    NoiseLevels nodes = options.timesteps.nodes(schedule, options.end);
    return options.logLinear ? nodes.withLogLinear(schedule) : nodes;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    if (options.ancestral) {
      return EulerSampler::ancestral;
    }
    if (options.churn.amount() == 0) {
      return EulerSampler::step;
    }
    if (options.unseenChurn) {
      // diffusers counts one level more if they are log-linear.
      int parts = steps.size() + (options.logLinear ? 1 : 0);
      return (step, estimate, x, noise) -> unseen(step, estimate, x, noise, parts);
    }
    Level[] nodes = nodes(schedule).levels();
    return new Run() {
      @Override
      public INDArray before(Transition step, INDArray x, Supplier<INDArray> noise) {
        Level node = nodes[step.index()];
        boolean raised = step.from().sigma() > node.sigma();
        return raised ? options.churn.addTo(x, node, step.from(), noise) : x;
      }

      @Override
      public INDArray step(
          Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
        return EulerSampler.step(step, estimate, x, noise);
      }
    };
  }

  private static INDArray step(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    return Flow.euler(x, estimate.x0(), step.from(), step.to().sigma(), step.to());
  }

  private static INDArray ancestral(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    double up = Flow.up(step.from().sigma(), step.to().sigma());
    double down = Flow.down(step.from().sigma(), step.to().sigma());
    INDArray next = Flow.euler(x, estimate.x0(), step.from(), down, step.to());
    return up > 0 ? Linear.addNoise(next, step.to().signal() * up, noise) : next;
  }

  private INDArray unseen(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise, int parts) {
    Level from = step.from();
    Level raised = options.churn.raised(from, parts);
    if (raised == from) {
      return step(step, estimate, x, noise);
    }
    try (INDArray noisier = options.churn.addTo(x, from, raised, noise);
        INDArray x0 = x0(estimate, noisier, from, raised)) {
      return Flow.euler(noisier, x0, raised, step.to().sigma(), step.to());
    }
  }

  /**
   * The clean samples that follow for the noisier samples; diffusers scales velocities as without
   * the noise.
   */
  private static INDArray x0(Estimate estimate, INDArray noisier, Level from, Level raised) {
    if (estimate.prediction() != Prediction.VELOCITY) {
      return estimate.x0In(noisier, raised);
    }
    try (INDArray scaled = Elements.times(from.signal() / raised.signal(), noisier)) {
      return estimate.x0In(scaled, from);
    }
  }
}
