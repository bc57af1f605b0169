package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The stochastic Adams solver: SA-Solver (Xue et al. 2023), algorithm 1. A predictor and a
 * corrector of any order for the SDE whose noise is tau times that of the reverse SDE, with one
 * denoiser call per step.
 */
final class SaSolverSampler extends LoopSampler<SaSolverSampler, SaSolverSampler.Options> {

  private static final int MAX_ORDER = 4;

  /**
   * Where noise is added.
   *
   * @param tau its amount, at least 0: 0 is the ODE, 1 the reverse SDE
   * @param least the lowest sigma, or time, at which it is added
   * @param most the highest
   * @param ofTimes whether the limits are times instead of sigmas
   */
  record Tau(double tau, double least, double most, boolean ofTimes) {

    /** As for images in the paper, section 6. */
    static final Tau USUAL = new Tau(1, 0.05, 50, false);

    Tau {
      if (!(tau >= 0 && tau < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("tau must be at least 0 but was " + tau);
      }
    }

    double of(Transition step) {
      double where = ofTimes ? step.t() : step.at().sigma();
      return where >= least && where <= most ? tau : 0;
    }
  }

  static final class Options extends LoopSampler.Options {

    private Tau tau = Tau.USUAL;
    private int predictorOrder = 2;
    private int correctorOrder = 2;
    private boolean inX0 = true;
    private boolean lowerOrderAtEnd = true;
    private boolean published;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private SaSolverSampler(Options options) {
    super(options, SaSolverSampler::new);
  }

  SaSolverSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  SaSolverSampler withTau(Tau tau) {
    return with(o -> o.tau = tau);
  }

  /**
   * A copy with other orders; both are 2 by default.
   *
   * @param predictor in [1, 4]
   * @param corrector in [1, 4]
   */
  SaSolverSampler withOrders(int predictor, int corrector) {
    Limits.order(predictor, MAX_ORDER);
    Limits.order(corrector, MAX_ORDER);
    return with(
        o -> {
          o.predictorOrder = predictor;
          o.correctorOrder = corrector;
        });
  }

  /** A copy that integrates the predicted noise instead of the clean samples. */
  SaSolverSampler withEpsilon() {
    return with(o -> o.inX0 = false);
  }

  /** A copy with full order to the end. */
  SaSolverSampler withFullOrderAtEnd() {
    return with(o -> o.lowerOrderAtEnd = false);
  }

  /** A copy whose steps of order 2 have the coefficients of the published code. */
  SaSolverSampler withPublishedSecondOrder() {
    return with(o -> o.published = true);
  }

  @Override
  String described() {
    return ", "
        + options.tau
        + ", orders="
        + options.predictorOrder
        + " and "
        + options.correctorOrder
        + (options.inX0 ? "" : ", epsilon");
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.intervals(schedule, FinalSigma.MIN).transitions();
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Adams(steps.size());
  }

  private final class Adams implements Run {

    private final int count;
    private final History predictions;
    private @Nullable Transition before;
    private @Nullable INDArray last;
    private @Nullable INDArray lastNoise;
    private int correctorOrder;

    Adams(int count) {
      this.count = count;
      predictions = new History(Math.max(options.predictorOrder, options.correctorOrder));
    }

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      predictions.push(
          step.from(), options.inX0 ? estimate.x0().dup() : estimate.direction(x, step.at()));
      INDArray corrected = x;
      try {
        if (before != null && last != null && lastNoise != null) {
          corrected = moved(before, last, lastNoise, correctorOrder);
        }
        int known =
            Math.min(step.index(), Math.max(options.predictorOrder, options.correctorOrder - 1));
        int left = options.lowerOrderAtEnd ? count - step.index() : MAX_ORDER;
        int order = Math.min(Math.min(options.predictorOrder, left), known + 1);
        correctorOrder = Math.min(Math.min(options.correctorOrder, left + 1), known + 2);
        INDArray drawn = noise.get();
        replace(step, corrected.dup(), drawn);
        return moved(step, corrected, drawn, order);
      } finally {
        if (corrected != x) {
          corrected.close();
        }
      }
    }

    private void replace(Transition step, INDArray x, INDArray drawn) {
      Linear.close(last);
      Linear.close(lastNoise);
      before = step;
      last = x;
      lastNoise = drawn;
    }

    /**
     * The end of a step, equations 14 and 17: with the polynomial through the newest predictions,
     * of which the corrector's first is at the step's end.
     */
    private INDArray moved(Transition step, INDArray x, INDArray z, int order) {
      Level from = step.from();
      Level to = step.to();
      double h = to.lambda() - from.lambda();
      double tau = options.tau.of(step);
      double[] b = coefficients(step, order, 1 + tau * tau);
      double kept =
          options.inX0
              ? Math.exp(-tau * tau * h) * to.noise() / from.noise()
              : to.signal() / from.signal();
      INDArray next = Elements.times(kept, x);
      for (int i = 0; i < order; i++) {
        Elements.add(next, b[i], predictions.value(i));
      }
      double deviation =
          options.inX0
              ? to.noise() * Math.sqrt(-Math.expm1(-2 * tau * tau * h))
              : tau * to.noise() * Math.sqrt(Math.expm1(2 * h));
      return Elements.add(next, deviation, z);
    }

    /**
     * The integrals of the exponential times Lagrange's polynomials over a step; with u from 0 to 1
     * over it, that of {@code u^n} has the factor {@code n! phi_{n+1}}.
     *
     * @param c {@code 1 + tau^2}
     */
    private double[] coefficients(Transition step, int order, double c) {
      double start = step.from().lambda();
      double h = step.to().lambda() - start;
      double weight = c * h * (options.inX0 ? step.to().signal() : -step.to().noise());
      double z = options.inX0 ? -c * h : h;
      double[] b = new double[order];
      double[] u = new double[order];
      for (int i = 0; i < order && order > 1; i++) {
        u[i] = (predictions.level(i).lambda() - start) / h;
      }
      for (int i = 0; i < order; i++) {
        double[] polynomial = DeisSampler.lagrange(u, i);
        for (int n = 0; n < order; n++) {
          b[i] += weight * polynomial[n] * Phi.factorial(n) * Phi.of(n + 1, z);
        }
      }
      if (options.published && options.inX0 && order == 2) {
        // In the code the integral of u is 1/2, as that without the exponential.
        double changed = weight * (0.5 - Phi.of(2, z)) / (u[0] - u[1]);
        b[0] += changed;
        b[1] -= changed;
      }
      return b;
    }

    @Override
    public void close() {
      predictions.close();
      Linear.close(last);
      Linear.close(lastNoise);
    }
  }
}
