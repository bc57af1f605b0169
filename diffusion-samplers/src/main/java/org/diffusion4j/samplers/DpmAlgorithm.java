package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Which equation DPM-Solver solves, and in which prediction. Each is an exponential integrator over
 * {@code h}, the difference of lambda.
 */
public enum DpmAlgorithm {
  /** The probability flow, in epsilon: DPM-Solver (Lu et al. 2022), equation 3.4. */
  DPM_SOLVER {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      return Shares.of(to.signal() / from.signal(), to.noise(), h, 0);
    }
  },

  /** The probability flow, in x_0: DPM-Solver++ (Lu et al. 2023), equation 9. */
  DPM_SOLVER_PLUS_PLUS {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      return Shares.of(to.noise() / from.noise(), to.signal(), -h, 0);
    }
  },

  /** The reverse stochastic equation, in epsilon: DPM-Solver++, equation 17. */
  SDE_DPM_SOLVER {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      return Shares.of(
          to.signal() / from.signal(),
          2 * to.noise(),
          h,
          to.noise() * Math.sqrt(Math.expm1(2 * h)));
    }
  },

  /** The reverse stochastic equation, in x_0: DPM-Solver++, equation 18. */
  SDE_DPM_SOLVER_PLUS_PLUS {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      return Shares.of(
          to.noise() / from.noise() * Math.exp(-h),
          to.signal(),
          -2 * h,
          to.noise() * Math.sqrt(-Math.expm1(-2 * h)));
    }
  };

  /**
   * What a step consists of.
   *
   * @param x share of the samples
   * @param d0 of the prediction m at the step's start
   * @param d1 of its first derivative times h
   * @param d2 of its second derivative times h^2
   * @param noise standard deviation of the new noise
   */
  record Shares(double x, double d0, double d1, double d2, double noise) {

    /** Where the prediction's share of the move is {@code -weight z phi_1(z)}. */
    static Shares of(double x, double weight, double z, double noise) {
      double scale = -weight * z;
      return new Shares(
          x, -weight * Math.expm1(z), scale * Phi.of(2, z), scale * Phi.of(3, z), noise);
    }
  }

  abstract Shares shares(Level from, Level to);

  boolean inX0() {
    return this == DPM_SOLVER_PLUS_PLUS || this == SDE_DPM_SOLVER_PLUS_PLUS;
  }

  boolean stochastic() {
    return this == SDE_DPM_SOLVER || this == SDE_DPM_SOLVER_PLUS_PLUS;
  }

  /** What is integrated, as a new array. */
  INDArray prediction(Estimate estimate, INDArray x, Level at) {
    return inX0() ? estimate.x0().dup() : estimate.direction(x, at);
  }
}
