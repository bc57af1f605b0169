package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The midpoint method for the probability flow ODE, with the midpoint in the logarithm of sigma:
 * DPM-Solver-2 (Lu et al. 2022) in the form of k-diffusion. It is of order 2 and calls the denoiser
 * twice per step, except in the last.
 */
public final class Kdpm2Sampler extends LoopSampler<Kdpm2Sampler, Kdpm2Sampler.Options> {

  static final class Options extends LoopSampler.Options {

    private boolean ancestral;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private Kdpm2Sampler(Options options) {
    super(options, Kdpm2Sampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public Kdpm2Sampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public Kdpm2Sampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with ancestral noise: each step goes below the next noise level and adds noise up to it,
   * as {@link EulerSampler#withAncestralNoise} does.
   */
  public Kdpm2Sampler withAncestralNoise() {
    return with(o -> o.ancestral = true);
  }

  @Override
  String described() {
    return options.ancestral ? ", ancestral" : "";
  }

  /**
   * A step has two stages: one leads to the midpoint, the other uses the prediction there for the
   * whole step.
   */
  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    SigmaCurve curve = new SigmaCurve(schedule);
    List<Transition> stages = new ArrayList<>();
    for (Transition step : options.timesteps.nodes(schedule, FinalSigma.ZERO).transitions()) {
      Level from = step.from();
      Level to = step.to();
      if (step.last()) {
        stages.add(Transition.of(stages.size(), step.t(), from, to, true));
      } else {
        double middle = Math.sqrt(from.sigma() * end(from, to));
        Level half = Level.ofSigma(middle);
        stages.add(Transition.of(stages.size(), step.t(), from, half, false));
        stages.add(new Transition(stages.size(), curve.t(middle), half, from, to, false));
      }
    }
    return stages;
  }

  /** The sigma of a step before noise is added. */
  private double end(Level from, Level to) {
    return options.ancestral ? Flow.down(from.sigma(), to.sigma()) : to.sigma();
  }

  @Override
  int stages() {
    return 2;
  }

  @Override
  boolean extrapolatesNoise() {
    return true;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new TwoStages();
  }

  private final class TwoStages implements Run {

    private @Nullable INDArray start;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      Level from = step.from();
      Level to = step.to();
      if (start == null) {
        start = step.last() ? null : x.dup();
        return Flow.euler(x, estimate.x0(), from, to.sigma(), to);
      }
      try (INDArray base = start;
          INDArray direction = estimate.direction(x, step.at())) {
        start = null;
        double length = end(from, to) - from.sigma();
        INDArray next =
            Elements.combine(to.signal() / from.signal(), base, to.signal() * length, direction);
        if (!options.ancestral) {
          return next;
        }
        double up = Flow.up(from.sigma(), to.sigma());
        return Linear.addNoise(next, to.signal() * up, noise);
      }
    }

    @Override
    public void close() {
      Linear.close(start);
      start = null;
    }
  }
}
