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

/** What the multistep and the singlestep DPM-Solver have in common. */
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

    INDArray addNoise(INDArray next, Algorithm.Shares shares, Supplier<INDArray> noise) {
      return algorithm.stochastic() && shares.noise() > 0
          ? Linear.addNoise(next, shares.noise(), noise)
          : next;
    }
  }

  DpmSampler(O options, Function<O, S> make) {
    super(options, make);
  }

  /**
   * This sampler for another equation or prediction; DPM-Solver++ is the default. The stochastic
   * ones need many more steps if they are singlestep, for the noise on the way is not that of the
   * whole group.
   */
  public S withAlgorithm(Algorithm algorithm) {
    Objects.requireNonNull(algorithm, "algorithm");
    return with(o -> o.algorithm = algorithm);
  }

  /**
   * This sampler with another order; 2 is the default.
   *
   * @param order in [1, 3]
   */
  public S withOrder(int order) {
    Limits.order(order, 3);
    return with(o -> o.order = order);
  }

  /** This sampler with Heun's form of its steps of order 2 in place of the midpoint's. */
  public S withHeunSteps() {
    return with(o -> o.heun = true);
  }

  /**
   * This sampler with another end of its last step; {@link FinalSigma#ZERO} is the default, and is
   * not for the algorithms in epsilon.
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
   * Checks that the stochastic equation in epsilon leaves noise alone in short steps: one of length
   * h in lambda multiplies it by {@code 2 - e^h}.
   */
  private List<Transition> requireStable(List<Transition> steps) {
    Level from = steps.get(0).from();
    double h = steps.get(0).to().lambda() - from.lambda();
    boolean inNoise = options.algorithm.stochastic() && !options.algorithm.inX0();
    if (inNoise && from.alphaBar() <= 2 * SigmaCurve.SMALLEST_SHARE && h > LONGEST) {
      throw new IllegalArgumentException(
          "steps of SDE_DPM_SOLVER from noise alone, as of a schedule of zero terminal SNR, must be"
              + " at most log 3 in lambda but the first was "
              + h
              + ": take more, evenly in lambda, or SDE_DPM_SOLVER_PLUS_PLUS");
    }
    return steps;
  }
}
