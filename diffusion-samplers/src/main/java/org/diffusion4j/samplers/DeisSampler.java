package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DEIS (Zhang and Chen 2023), log-rho variant: an exponential integrator with polynomials in the
 * logarithm of sigma. It integrates the polynomial through the last noise predictions over the
 * step. It ends at the noise level of the schedule's first step.
 */
public final class DeisSampler extends LoopSampler<DeisSampler, DeisSampler.Options> {

  private static final int FEW_STEPS = 15;

  static final class Options extends LoopSampler.Options {

    private int order = 2;
    private boolean lowerOrderAtEnd = true;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private DeisSampler(Options options) {
    super(options, DeisSampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public DeisSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public DeisSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with another order; 2 is the default.
   *
   * @param order in [1, 3]
   */
  public DeisSampler withOrder(int order) {
    Limits.order(order, 3);
    return with(o -> o.order = order);
  }

  /**
   * A copy with full order to the end. By default, with fewer than 15 steps the last two are of
   * order 2 and 1.
   */
  public DeisSampler withFullOrderAtEnd() {
    return with(o -> o.lowerOrderAtEnd = false);
  }

  @Override
  String described() {
    return ", order=" + options.order + (options.lowerOrderAtEnd ? "" : ", full order at end");
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.intervals(schedule, FinalSigma.MIN).transitions();
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Multistep(options, steps.size());
  }

  private static final class Multistep implements Run {

    private final Options options;
    private final int count;
    private final History noises;

    Multistep(Options options, int count) {
      this.options = options;
      this.count = count;
      noises = new History(options.order);
    }

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      Level from = step.from();
      Level to = step.to();
      noises.push(from, estimate.direction(x, from));
      int order = noises.size();
      if (options.lowerOrderAtEnd && count < FEW_STEPS) {
        order = Math.min(order, count - step.index());
      }
      INDArray next = Elements.times(to.signal() / from.signal(), x);
      double[] sigmas = new double[from.sigma() == to.sigma() ? 1 : order];
      for (int j = 0; j < sigmas.length; j++) {
        sigmas[j] = noises.level(j).sigma();
      }
      double[] coefficients = coefficients(sigmas, to.sigma());
      for (int j = 0; j < coefficients.length; j++) {
        Elements.add(next, to.signal() * coefficients[j], noises.value(j));
      }
      return next;
    }

    @Override
    public void close() {
      noises.close();
    }
  }

  /**
   * The integrals over a step of the Lagrange polynomials in the logarithm of sigma, equation 15.
   * With u from 0 to 1 over the step, the integral of {@code sigma u^n} is {@code end length n!
   * phi_{n+1}(-length)}; the difference of antiderivatives would cancel.
   *
   * @param sigmas of the noise predictions, beginning with that at the start of the step
   * @param end sigma at the end of the step
   */
  static double[] coefficients(double[] sigmas, double end) {
    int order = sigmas.length;
    double length = Math.log(end / sigmas[0]);
    double[] u = new double[order];
    for (int k = 1; k < order; k++) {
      u[k] = Math.log(sigmas[k] / sigmas[0]) / length;
    }
    double[] coefficients = new double[order];
    for (int j = 0; j < order; j++) {
      double[] polynomial = lagrange(u, j);
      for (int n = 0; n < order; n++) {
        coefficients[j] += polynomial[n] * Phi.factorial(n) * Phi.of(n + 1, -length);
      }
      coefficients[j] *= end * length;
    }
    return coefficients;
  }

  /** The coefficients of the polynomial that is 1 at the j-th point and 0 at the others. */
  static double[] lagrange(double[] u, int j) {
    double[] coefficients = new double[u.length];
    coefficients[0] = 1;
    for (int k = 0; k < u.length; k++) {
      for (int n = u.length - 1; n >= 0 && k != j; n--) {
        double lower = n == 0 ? 0 : coefficients[n - 1];
        coefficients[n] = (lower - u[k] * coefficients[n]) / (u[j] - u[k]);
      }
    }
    return coefficients;
  }
}
