package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the multistep and the singlestep DPM-Solver have in common.
 *
 * @param algorithm which equation is solved, and in which prediction
 * @param order in [1, 3]
 * @param heun whether second-order steps have Heun's form and not the midpoint's
 * @param end where the last step ends
 * @param lowerOrderAtEnd whether the last steps are of lower order
 * @param correction of the predicted clean samples
 */
record DpmOptions(
    DpmAlgorithm algorithm,
    int order,
    boolean heun,
    FinalSigma end,
    boolean lowerOrderAtEnd,
    X0Correction correction) {

  private static final double LONGEST = Math.log(3);

  DpmOptions {
    Objects.requireNonNull(algorithm, "algorithm");
    Objects.requireNonNull(end, "end");
    Objects.requireNonNull(correction, "correction");
    if (order < 1 || order > 3) {
      throw new IllegalArgumentException("order must be in [1, 3] but was " + order);
    }
  }

  static DpmOptions defaults(int order, boolean lowerOrderAtEnd) {
    return new DpmOptions(
        DpmAlgorithm.DPM_SOLVER_PLUS_PLUS,
        order,
        false,
        FinalSigma.ZERO,
        lowerOrderAtEnd,
        X0Correction.none());
  }

  /** Checks what depends on two settings. */
  void requireEnd() {
    if (end == FinalSigma.ZERO && !algorithm.inX0()) {
      throw new IllegalArgumentException(
          "final sigma must be MIN for an algorithm in epsilon, " + algorithm + ", but was ZERO");
    }
  }

  /**
   * Checks that the stochastic equation in epsilon leaves noise alone in short steps: one of length
   * h in lambda multiplies it by {@code 2 - e^h}.
   */
  List<Transition> requireStable(List<Transition> steps) {
    Level from = steps.get(0).from();
    double h = steps.get(0).to().lambda() - from.lambda();
    boolean inNoise = algorithm.stochastic() && !algorithm.inX0();
    if (inNoise && from.alphaBar() <= 2 * SigmaCurve.SMALLEST_SHARE && h > LONGEST) {
      throw new IllegalArgumentException(
          "steps of SDE_DPM_SOLVER from noise alone, as of a schedule of zero terminal SNR, must be"
              + " at most log 3 in lambda but the first was "
              + h
              + ": take more, evenly in lambda, or SDE_DPM_SOLVER_PLUS_PLUS");
    }
    return steps;
  }

  INDArray addNoise(INDArray next, DpmAlgorithm.Shares shares, Supplier<INDArray> noise) {
    return algorithm.stochastic() && shares.noise() > 0
        ? Linear.addNoise(next, shares.noise(), noise)
        : next;
  }

  DpmOptions withAlgorithm(DpmAlgorithm value) {
    return new DpmOptions(value, order, heun, end, lowerOrderAtEnd, correction);
  }

  DpmOptions withOrder(int value) {
    return new DpmOptions(algorithm, value, heun, end, lowerOrderAtEnd, correction);
  }

  DpmOptions withHeun() {
    return new DpmOptions(algorithm, order, true, end, lowerOrderAtEnd, correction);
  }

  DpmOptions withEnd(FinalSigma value) {
    return new DpmOptions(algorithm, order, heun, value, lowerOrderAtEnd, correction);
  }

  DpmOptions withLowerOrderAtEnd(boolean value) {
    return new DpmOptions(algorithm, order, heun, end, value, correction);
  }

  DpmOptions withCorrection(X0Correction value) {
    return new DpmOptions(algorithm, order, heun, end, lowerOrderAtEnd, value);
  }

  @Override
  public String toString() {
    return algorithm
        + ", order="
        + order
        + (heun ? ", Heun" : "")
        + ", end="
        + end
        + (lowerOrderAtEnd ? "" : ", full order at end");
  }
}
