package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Heun's method for the probability flow ODE: EDM (Karras et al. 2022), algorithms 1 and 2. It is
 * of order 2 and calls the denoiser twice per step, except in the last.
 */
public final class HeunSampler extends LoopSampler<HeunSampler, HeunSampler.Options> {

  /**
   * New noise before each step: EDM (Karras et al. 2022), algorithm 2.
   *
   * @param amount S_churn, at least 0; divided among the steps, at most {@code sqrt(2) - 1} of
   *     sigma per step
   * @param sigmaMin S_tmin, the lowest sigma at which it is added, at least 0
   * @param sigmaMax S_tmax, the highest
   * @param noise S_noise, the standard deviation of the new noise, positive; values slightly above
   *     1 compensate for denoisers that remove too much noise
   */
  public record Churn(double amount, double sigmaMin, double sigmaMax, double noise) {

    /** No churn. */
    public static final Churn NONE = of(0);

    public Churn {
      if (!(amount >= 0 && amount < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("churn must be at least 0 but was " + amount);
      }
      if (!(sigmaMin >= 0 && sigmaMin <= sigmaMax)) {
        throw new IllegalArgumentException(
            "sigmas of churn must be at least 0 and in order but were "
                + sigmaMin
                + " and "
                + sigmaMax);
      }
      if (!(noise > 0 && noise < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("noise of churn must be positive but was " + noise);
      }
    }

    /** Churn of an amount, at every sigma, with standard noise. */
    public static Churn of(double amount) {
      return new Churn(amount, 0, Double.POSITIVE_INFINITY, 1);
    }

    /** The factor by which sigma increases in a step, minus 1. */
    double gamma(double sigma, int steps) {
      return sigma >= sigmaMin && sigma <= sigmaMax
          ? Math.min(amount / steps, Math.sqrt(2) - 1)
          : 0;
    }

    /** The increased noise level; unchanged if no noise is added. */
    Level raised(Level level, int steps) {
      double gamma = gamma(level.sigma(), steps);
      return gamma == 0 ? level : Level.ofSigma(level.sigma() * (1 + gamma));
    }

    /**
     * Samples at the increased level.
     *
     * @param x at the level {@code from}; not changed
     * @return new samples
     */
    INDArray addTo(INDArray x, Level from, Level raised, Supplier<INDArray> drawn) {
      double sigma = from.sigma();
      double deviation = noise * Math.sqrt(raised.sigma() * raised.sigma() - sigma * sigma);
      return Linear.addNoise(
          Elements.times(raised.signal() / from.signal(), x), raised.signal() * deviation, drawn);
    }
  }

  static final class Options extends LoopSampler.Options {

    private Churn churn = Churn.NONE;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private HeunSampler(Options options) {
    super(options, HeunSampler::new);
  }

  /**
   * With Karras's noise levels, for which the algorithm was designed. With levels that are farther
   * apart, as for evenly spaced timesteps at high noise, the second stage overshoots.
   *
   * @param steps in [1, T]
   */
  public HeunSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.KARRAS));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public HeunSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /** A copy that adds new noise before each step: algorithm 2. */
  public HeunSampler withChurn(Churn churn) {
    Objects.requireNonNull(churn, "churn");
    return with(o -> o.churn = churn);
  }

  @Override
  String described() {
    return options.churn.amount() > 0 ? ", " + options.churn : "";
  }

  /** A step has two stages: both lead to the next level; the second uses the prediction there. */
  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    List<Transition> stages = new ArrayList<>();
    NoiseLevels nodes = options.timesteps.nodes(schedule, FinalSigma.ZERO);
    SigmaCurve curve = new SigmaCurve(schedule);
    for (Transition step : nodes.transitions()) {
      Level from = options.churn.raised(step.from(), nodes.t().length);
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
  int stages() {
    return 2;
  }

  @Override
  boolean extrapolatesNoise() {
    return true;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new TwoStages(
        options.churn, options.timesteps.nodes(schedule, FinalSigma.ZERO).levels());
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
          INDArray mean = Elements.combine(0.5, direction, 0.5, here)) {
        return Flow.along(Objects.requireNonNull(start), mean, step.from(), step.to());
      } finally {
        close();
      }
    }

    @Override
    public void close() {
      Linear.close(direction);
      direction = null;
      Linear.close(start);
      start = null;
    }
  }
}
