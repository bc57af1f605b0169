package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Common parts of the multistep and the singlestep DPM-Solver. */
abstract class DpmSampler<S extends DpmSampler<S, O>, O extends DpmSampler.Options>
    extends LoopSampler<S, O> {

  private static final double LONGEST = Math.log(3);

  static class Options extends LoopSampler.Options {

    Algorithm algorithm = Algorithm.DPM_SOLVER_PLUS_PLUS;
    int order = 2;
    boolean heun;
    FinalSigma end = FinalSigma.ZERO;
    boolean lowerOrderAtEnd;

    Options(Timesteps timesteps, boolean lowerOrderAtEnd) {
      super(timesteps);
      this.lowerOrderAtEnd = lowerOrderAtEnd;
    }

    INDArray addNoise(INDArray next, Algorithm.Coefficients c, Supplier<INDArray> noise) {
      return algorithm.stochastic() && c.noise() > 0
          ? Linear.addNoise(next, c.noise(), noise)
          : next;
    }
  }

  DpmSampler(O options, Function<O, S> make) {
    super(options, make);
  }

  /**
   * A copy with another algorithm; DPM-Solver++ is the default. In singlestep samplers the
   * stochastic algorithms need many more steps, because the noise of single steps is not that of
   * the whole group.
   */
  public S withAlgorithm(Algorithm algorithm) {
    Objects.requireNonNull(algorithm, "algorithm");
    return with(o -> o.algorithm = algorithm);
  }

  /**
   * A copy with another order; 2 is the default.
   *
   * @param order in [1, 3]
   */
  public S withOrder(int order) {
    Limits.order(order, 3);
    return with(o -> o.order = order);
  }

  /** A copy with steps of order 2 in Heun's form instead of the midpoint form. */
  public S withHeunSteps() {
    return with(o -> o.heun = true);
  }

  /**
   * A copy with another end of the last step. {@link FinalSigma#ZERO} is the default and cannot be
   * used with algorithms in epsilon.
   */
  public S withFinalSigma(FinalSigma end) {
    Objects.requireNonNull(end, "end");
    return with(o -> o.end = end);
  }

  @Override
  String described() {
    return ", "
        + options.algorithm
        + ", order="
        + options.order
        + (options.heun ? ", Heun" : "")
        + ", end="
        + options.end
        + (options.lowerOrderAtEnd ? "" : ", full order at end");
  }

  @Override
  final List<Transition> transitions(NoiseSchedule schedule) {
    if (options.end == FinalSigma.ZERO && !options.algorithm.inX0()) {
      throw new IllegalArgumentException(
          "final sigma must be MIN for an algorithm in epsilon, "
              + options.algorithm
              + ", but was ZERO");
    }
    return requireStable(options.timesteps.intervals(schedule, options.end).transitions());
  }

  /**
   * Checks that steps of the stochastic equation in epsilon are short where there is only noise: a
   * step of length h in lambda multiplies it by {@code 2 - e^h}.
   */
  private List<Transition> requireStable(List<Transition> steps) {
    Level from = steps.get(0).from();
    double h = steps.get(0).to().lambda() - from.lambda();
    boolean inNoise = options.algorithm.stochastic() && !options.algorithm.inX0();
    if (inNoise && from.alphaBar() <= 2 * SigmaCurve.SMALLEST_ALPHA_BAR && h > LONGEST) {
      throw new IllegalArgumentException(
          "steps of SDE_DPM_SOLVER from noise alone, as of a schedule of zero terminal SNR, must be"
              + " at most log 3 in lambda but the first was "
              + h
              + ": take more, evenly in lambda, or SDE_DPM_SOLVER_PLUS_PLUS");
    }
    return steps;
  }
}
