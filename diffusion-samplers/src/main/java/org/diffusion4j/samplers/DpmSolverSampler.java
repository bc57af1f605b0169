package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The multistep solvers DPM-Solver and DPM-Solver++ (Lu et al. 2022 and 2023) with one call of the
 * denoiser a step: by default DPM-Solver++(2M), which serves well from 10 to 25 steps.
 */
public final class DpmSolverSampler extends LoopSampler {

  private final Multistep method;

  private DpmSolverSampler(Multistep method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public DpmSolverSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public DpmSolverSampler(Timesteps timesteps) {
    this(
        new Multistep(
            timesteps, DpmOptions.defaults(2, true), Double.NEGATIVE_INFINITY, false, false));
  }

  /** This sampler for another equation or prediction; DPM-Solver++ is the default. */
  public DpmSolverSampler withAlgorithm(DpmAlgorithm algorithm) {
    return with(method.options.withAlgorithm(algorithm));
  }

  /**
   * This sampler with another order; 2 is the default.
   *
   * @param order in [1, 3]
   */
  public DpmSolverSampler withOrder(int order) {
    return with(method.options.withOrder(order));
  }

  /** This sampler with Heun's form of its second-order steps in place of the midpoint's. */
  public DpmSolverSampler withHeunSteps() {
    return with(method.options.withHeun());
  }

  /**
   * This sampler with another end of its last step; {@link FinalSigma#ZERO} is the default, and is
   * not for the algorithms in epsilon.
   */
  public DpmSolverSampler withFinalSigma(FinalSigma end) {
    return with(method.options.withEnd(end));
  }

  /**
   * This sampler with full order to the end. By default the last two steps of fewer than 15 are of
   * order 2 and 1, and the last of any number is of order 1 if it ends at no noise.
   */
  public DpmSolverSampler withFullOrderAtEnd() {
    return with(method.options.withLowerOrderAtEnd(false));
  }

  /** This sampler with a last step of order 1 whatever the number of steps. */
  public DpmSolverSampler withEulerAtEnd() {
    return new DpmSolverSampler(
        new Multistep(method.timesteps, method.options, method.lambdaMin, true, method.published));
  }

  /**
   * This sampler without the timesteps whose lambda, half the logarithm of the signal-to-noise
   * ratio, is below a limit: -5.1 for the cosine schedule (Lu et al. 2023, appendix).
   */
  public DpmSolverSampler withLambdaMin(double lambda) {
    return new DpmSolverSampler(
        new Multistep(
            method.timesteps, method.options, lambda, method.eulerAtEnd, method.published));
  }

  /**
   * This sampler with the weight of the second derivative in third-order steps that the published
   * code of DPM-Solver++ and diffusers have. It is half of what the paper's integral gives, which
   * leaves the method of order 2: see docs/decisions/0010.
   */
  public DpmSolverSampler withPublishedThirdOrder() {
    return new DpmSolverSampler(
        new Multistep(method.timesteps, method.options, method.lambdaMin, method.eulerAtEnd, true));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public DpmSolverSampler withCorrection(X0Correction correction) {
    return with(method.options.withCorrection(correction));
  }

  private DpmSolverSampler with(DpmOptions options) {
    return new DpmSolverSampler(
        new Multistep(
            method.timesteps, options, method.lambdaMin, method.eulerAtEnd, method.published));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "DpmSolverSampler[" + method.timesteps + ", " + method.options + "]";
  }

  record Multistep(
      Timesteps timesteps,
      DpmOptions options,
      double lambdaMin,
      boolean eulerAtEnd,
      boolean published)
      implements Method {

    /** With fewer steps than this, the last ones are of lower order. */
    static final int FEW_STEPS = 15;

    Multistep {
      Objects.requireNonNull(timesteps, "timesteps");
      if (Double.isNaN(lambdaMin)) {
        throw new IllegalArgumentException("lambda must be a number but was NaN");
      }
    }

    @Override
    public X0Correction correction() {
      return options.correction();
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      options.requireEnd();
      return options.requireStable(
          timesteps.intervals(schedule, options.end(), lambdaMin).transitions());
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return new Solver(this, steps.size());
    }

    /**
     * The order of a step.
     *
     * @param index its number of {@code count}
     * @param known how many predictions there are
     */
    int order(int index, int count, int known) {
      boolean lowers = options.lowerOrderAtEnd() && count < FEW_STEPS;
      int left = count - index;
      int highest = Math.min(options.order(), known);
      if (left == 1 && (lowers || eulerAtEnd || options.end() == FinalSigma.ZERO)) {
        return 1;
      }
      return left == 2 && lowers ? Math.min(highest, 2) : highest;
    }
  }

  private static final class Solver implements Run {

    private final Multistep method;
    private final int count;
    private final History predictions;

    Solver(Multistep method, int count) {
      this.method = method;
      this.count = count;
      predictions = new History(method.options.order());
    }

    /** Lu et al. 2023, algorithm 2, and its third order. */
    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      DpmOptions options = method.options;
      Level from = step.from();
      predictions.push(from, options.algorithm().prediction(estimate, x, from));
      DpmAlgorithm.Shares shares = options.algorithm().shares(from, step.to());
      double h = step.to().lambda() - from.lambda();
      int order = h == 0 ? 1 : method.order(step.index(), count, predictions.size());
      INDArray m0 = predictions.value(0);
      INDArray next = Linear.combine(shares.x(), x, shares.d0(), m0);
      if (order == 2) {
        try (INDArray d1 = difference(0, h)) {
          Linear.add(next, options.heun() ? shares.d1() : shares.d0() / 2, d1);
        }
      } else if (order == 3) {
        double r0 = (from.lambda() - predictions.level(1).lambda()) / h;
        double r1 = (predictions.level(1).lambda() - predictions.level(2).lambda()) / h;
        try (INDArray d10 = difference(0, h);
            INDArray d11 = difference(1, h);
            INDArray d2 = Linear.combine(1 / (r0 + r1), d10, -1 / (r0 + r1), d11)) {
          Linear.add(next, shares.d1(), d10);
          Linear.add(next, shares.d1() * r0, d2);
          Linear.add(next, curvature(shares, step.to()), d2);
        }
      }
      return options.addNoise(next, shares, noise);
    }

    /** The share of half the second derivative times h^2. */
    private double curvature(DpmAlgorithm.Shares shares, Level to) {
      if (!method.published) {
        return 2 * shares.d2();
      }
      // The published code of the stochastic one has a half with the wrong sign, too.
      return method.options.algorithm() == DpmAlgorithm.SDE_DPM_SOLVER_PLUS_PLUS
          ? shares.d2() - to.signal()
          : shares.d2();
    }

    /** The i-th divided difference of the predictions, times h. */
    private INDArray difference(int i, double h) {
      double r = (predictions.level(i).lambda() - predictions.level(i + 1).lambda()) / h;
      return Linear.combine(1 / r, predictions.value(i), -1 / r, predictions.value(i + 1));
    }

    @Override
    public void close() {
      predictions.close();
    }
  }
}
