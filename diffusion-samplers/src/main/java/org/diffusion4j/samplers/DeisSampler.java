package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The exponential integrator with polynomials in the logarithm of sigma: DEIS (Zhang and Chen
 * 2023), log-rho. The polynomial through the last noises, integrated over the step; it ends at the
 * noise of the schedule's first step.
 */
public final class DeisSampler extends LoopSampler {

  private final Deis method;

  private DeisSampler(Deis method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public DeisSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public DeisSampler(Timesteps timesteps) {
    this(new Deis(timesteps, 2, true, X0Correction.none()));
  }

  /**
   * This sampler with another order; 2 is the default.
   *
   * @param order in [1, 3]
   */
  public DeisSampler withOrder(int order) {
    return new DeisSampler(
        new Deis(method.timesteps, order, method.lowerOrderAtEnd, method.correction));
  }

  /**
   * This sampler with full order to the end. By default the last two steps of fewer than 15 are of
   * order 2 and 1.
   */
  public DeisSampler withFullOrderAtEnd() {
    return new DeisSampler(new Deis(method.timesteps, method.order, false, method.correction));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public DeisSampler withCorrection(X0Correction correction) {
    return new DeisSampler(
        new Deis(method.timesteps, method.order, method.lowerOrderAtEnd, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "DeisSampler["
        + method.timesteps
        + ", order="
        + method.order
        + (method.lowerOrderAtEnd ? "" : ", full order at end")
        + "]";
  }

  record Deis(Timesteps timesteps, int order, boolean lowerOrderAtEnd, X0Correction correction)
      implements Method {

    private static final int FEW_STEPS = 15;

    Deis {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
      if (order < 1 || order > 3) {
        throw new IllegalArgumentException("order must be in [1, 3] but was " + order);
      }
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.intervals(schedule, FinalSigma.MIN, Double.NEGATIVE_INFINITY).transitions();
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return new Multistep(this, steps.size());
    }
  }

  private static final class Multistep implements Run {

    private final Deis method;
    private final int count;
    private final History noises;

    Multistep(Deis method, int count) {
      this.method = method;
      this.count = count;
      noises = new History(method.order);
    }

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      Level from = step.from();
      Level to = step.to();
      noises.push(from, estimate.direction(x, from));
      int order = noises.size();
      if (method.lowerOrderAtEnd && count < Deis.FEW_STEPS) {
        order = Math.min(order, count - step.index());
      }
      INDArray next = x.mul(to.signal() / from.signal());
      for (int j = 0; j < order; j++) {
        double share = integral(j, order, to.sigma()) - integral(j, order, from.sigma());
        Linear.add(next, to.signal() * share, noises.value(j));
      }
      return next;
    }

    /**
     * The integral over sigma, from 0, of the j-th Lagrange polynomial in the logarithm of sigma:
     * equation 15. That of {@code (log sigma)^n} is {@code sigma} times a polynomial.
     */
    private double integral(int j, int order, double sigma) {
      double log = Math.log(sigma);
      double whole = Math.log(noises.level(j).sigma());
      double scale = 1;
      double sum = 0;
      double product = 1;
      for (int k = 0; k < order; k++) {
        if (k != j) {
          double other = Math.log(noises.level(k).sigma());
          scale *= whole - other;
          sum += other;
          product *= other;
        }
      }
      double integral =
          switch (order) {
            case 1 -> 1;
            case 2 -> log - 1 - sum;
            default -> log * log - 2 * log + 2 - sum * (log - 1) + product;
          };
      return sigma * integral / scale;
    }

    @Override
    public void close() {
      noises.close();
    }
  }
}
