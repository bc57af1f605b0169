package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The multistep solvers DPM-Solver and DPM-Solver++ (Lu et al. 2022 and 2023), with one denoiser
 * call per step. The default is DPM-Solver++(2M), which is good with 10 to 25 steps.
 */
public final class DpmSolverSampler extends DpmSampler<DpmSolverSampler, DpmSolverSampler.Options> {

  /**
   * The equation that DPM-Solver solves, and the prediction that it integrates. Each is an
   * exponential integrator over {@code h}, the difference of lambda.
   */
  public enum Algorithm {
    /** The probability flow ODE, in epsilon: DPM-Solver (Lu et al. 2022), equation 3.4. */
    DPM_SOLVER {
      @Override
      Coefficients coefficients(Level from, Level to) {
        double h = to.lambda() - from.lambda();
        return Coefficients.of(to.signal() / from.signal(), to.noise(), h, 0);
      }
    },

    /** The probability flow ODE, in x_0: DPM-Solver++ (Lu et al. 2023), equation 9. */
    DPM_SOLVER_PLUS_PLUS {
      @Override
      Coefficients coefficients(Level from, Level to) {
        double h = to.lambda() - from.lambda();
        return Coefficients.of(to.noise() / from.noise(), to.signal(), -h, 0);
      }
    },

    /** The reverse SDE, in epsilon: DPM-Solver++, equation 17. */
    SDE_DPM_SOLVER {
      @Override
      Coefficients coefficients(Level from, Level to) {
        double h = to.lambda() - from.lambda();
        return Coefficients.of(
            to.signal() / from.signal(),
            2 * to.noise(),
            h,
            to.noise() * Math.sqrt(Math.expm1(2 * h)));
      }
    },

    /** The reverse SDE, in x_0: DPM-Solver++, equation 18. */
    SDE_DPM_SOLVER_PLUS_PLUS {
      @Override
      Coefficients coefficients(Level from, Level to) {
        double h = to.lambda() - from.lambda();
        return Coefficients.of(
            to.noise() / from.noise() * Math.exp(-h),
            to.signal(),
            -2 * h,
            to.noise() * Math.sqrt(-Math.expm1(-2 * h)));
      }
    };

    /**
     * The coefficients of a step.
     *
     * @param x coefficient of the samples
     * @param d0 of the prediction m at the step's start
     * @param d1 of its first derivative times h
     * @param d2 of its second derivative times h^2
     * @param noise standard deviation of the new noise
     */
    record Coefficients(double x, double d0, double d1, double d2, double noise) {

      /**
       * The coefficients of the prediction and its derivatives, {@code -weight z phi_k(z)} for k =
       * 1, 2, 3: the integral of their Taylor polynomial over the step ({@link Phi}).
       */
      static Coefficients of(double x, double weight, double z, double noise) {
        double scale = -weight * z;
        return new Coefficients(
            x, -weight * Math.expm1(z), scale * Phi.of(2, z), scale * Phi.of(3, z), noise);
      }
    }

    abstract Coefficients coefficients(Level from, Level to);

    boolean inX0() {
      return this == DPM_SOLVER_PLUS_PLUS || this == SDE_DPM_SOLVER_PLUS_PLUS;
    }

    boolean stochastic() {
      return this == SDE_DPM_SOLVER || this == SDE_DPM_SOLVER_PLUS_PLUS;
    }

    /** The quantity that is integrated, as a new array. */
    INDArray prediction(Estimate estimate, INDArray x, Level at) {
      return inX0() ? estimate.x0().dup() : estimate.direction(x, at);
    }
  }

  /** With fewer steps than this, the last ones are of lower order. */
  private static final int FEW_STEPS = 15;

  static final class Options extends DpmSampler.Options {

    private boolean eulerAtEnd;
    private boolean published;

    private Options(Timesteps timesteps) {
      super(timesteps, true);
    }
  }

  private DpmSolverSampler(Options options) {
    super(options, DpmSolverSampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public DpmSolverSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public DpmSolverSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with full order to the end. By default, with fewer than 15 steps the last two are of
   * order 2 and 1, and a last step that ends at noise level 0 is always of order 1.
   */
  public DpmSolverSampler withFullOrderAtEnd() {
    return with(o -> o.lowerOrderAtEnd = false);
  }

  /** A copy with a last step of order 1 for any number of steps. */
  public DpmSolverSampler withEulerAtEnd() {
    return with(o -> o.eulerAtEnd = true);
  }

  /**
   * A copy whose third-order steps have the weight of the second derivative from the published code
   * of DPM-Solver++ and diffusers. It is half of the paper's integral, so the method is only of
   * order 2: see docs/decisions/0010.
   */
  public DpmSolverSampler withPublishedThirdOrder() {
    return with(o -> o.published = true);
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Solver(steps.size());
  }

  /**
   * The order of a step.
   *
   * @param index number of the step, of {@code count}
   * @param known number of predictions
   */
  private int orderOf(int index, int count, int known) {
    boolean lowers = options.lowerOrderAtEnd && count < FEW_STEPS;
    int left = count - index;
    int highest = Math.min(options.order, known);
    if (left == 1 && (lowers || options.eulerAtEnd || options.end == FinalSigma.ZERO)) {
      return 1;
    }
    return left == 2 && lowers ? Math.min(highest, 2) : highest;
  }

  private final class Solver implements Run {

    private final int count;
    private final History predictions;

    Solver(int count) {
      this.count = count;
      predictions = new History(options.order);
    }

    /** Lu et al. 2023, algorithm 2, and its third-order variant. */
    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      Level from = step.from();
      predictions.push(from, options.algorithm.prediction(estimate, x, from));
      Algorithm.Coefficients c = options.algorithm.coefficients(from, step.to());
      double h = step.to().lambda() - from.lambda();
      int order = h == 0 ? 1 : orderOf(step.index(), count, predictions.size());
      INDArray m0 = predictions.value(0);
      INDArray next = Elements.combine(c.x(), x, c.d0(), m0);
      if (order == 2) {
        try (INDArray d1 = difference(0, h)) {
          Elements.add(next, options.heun ? c.d1() : c.d0() / 2, d1);
        }
      } else if (order == 3) {
        double r0 = (from.lambda() - predictions.level(1).lambda()) / h;
        double r1 = (predictions.level(1).lambda() - predictions.level(2).lambda()) / h;
        try (INDArray d10 = difference(0, h);
            INDArray d11 = difference(1, h);
            INDArray d2 = Elements.combine(1 / (r0 + r1), d10, -1 / (r0 + r1), d11)) {
          Elements.add(next, c.d1(), d10);
          Elements.add(next, c.d1() * r0, d2);
          Elements.add(next, curvature(c, step.to()), d2);
        }
      }
      return options.addNoise(next, c, noise);
    }

    /** The coefficient of half the second derivative times h^2. */
    private double curvature(Algorithm.Coefficients c, Level to) {
      if (!options.published) {
        return 2 * c.d2();
      }
      // In the published code of the stochastic variant, one half also has the wrong sign.
      return options.algorithm == Algorithm.SDE_DPM_SOLVER_PLUS_PLUS
          ? c.d2() - to.signal()
          : c.d2();
    }

    /** The i-th divided difference of the predictions, times h. */
    private INDArray difference(int i, double h) {
      double r = (predictions.level(i).lambda() - predictions.level(i + 1).lambda()) / h;
      return Elements.combine(1 / r, predictions.value(i), -1 / r, predictions.value(i + 1));
    }

    @Override
    public void close() {
      predictions.close();
    }
  }
}
