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
      double e = Math.expm1(h);
      return new Shares(
          to.signal() / from.signal(),
          -to.noise() * e,
          -to.noise() * (e / h - 1),
          -to.noise() * ((e - h) / (h * h) - 0.5),
          0);
    }
  },

  /** The probability flow, in x_0: DPM-Solver++ (Lu et al. 2023), equation 9. */
  DPM_SOLVER_PLUS_PLUS {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      double e = Math.expm1(-h);
      return new Shares(
          to.noise() / from.noise(),
          -to.signal() * e,
          to.signal() * (e / h + 1),
          -to.signal() * ((e + h) / (h * h) - 0.5),
          0);
    }
  },

  /** The reverse stochastic equation, in epsilon: DPM-Solver++, equation 17. */
  SDE_DPM_SOLVER {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      double e = Math.expm1(h);
      return new Shares(
          to.signal() / from.signal(),
          -2 * to.noise() * e,
          -2 * to.noise() * (e / h - 1),
          -2 * to.noise() * ((e - h) / (h * h) - 0.5),
          to.noise() * Math.sqrt(Math.expm1(2 * h)));
    }
  },

  /** The reverse stochastic equation, in x_0: DPM-Solver++, equation 18. */
  SDE_DPM_SOLVER_PLUS_PLUS {
    @Override
    Shares shares(Level from, Level to) {
      double h = to.lambda() - from.lambda();
      double e = Math.expm1(-2 * h);
      return new Shares(
          to.noise() / from.noise() * Math.exp(-h),
          -to.signal() * e,
          to.signal() * (e / (2 * h) + 1),
          -to.signal() * ((e + 2 * h) / (4 * h * h) - 0.5),
          to.noise() * Math.sqrt(-e));
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
  record Shares(double x, double d0, double d1, double d2, double noise) {}

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
