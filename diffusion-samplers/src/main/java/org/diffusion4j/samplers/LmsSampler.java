package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The linear multistep method of Adams and Bashforth on the probability flow (k-diffusion's LMS):
 * the polynomial through the last directions, integrated over the step. Of the order that is asked
 * for, with one call of the denoiser a step.
 */
public final class LmsSampler extends LoopSampler {

  private static final int MAX_ORDER = 4;

  private final Lms method;

  private LmsSampler(Lms method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 to 0.
   *
   * @param steps in [1, T]
   */
  public LmsSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public LmsSampler(Timesteps timesteps) {
    this(new Lms(timesteps, MAX_ORDER, X0Correction.none()));
  }

  /**
   * This sampler with another order; 4 is the default.
   *
   * @param order how many directions are used, in [1, 4]
   */
  public LmsSampler withOrder(int order) {
    return new LmsSampler(new Lms(method.timesteps, order, method.correction));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public LmsSampler withCorrection(X0Correction correction) {
    return new LmsSampler(new Lms(method.timesteps, method.order, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "LmsSampler[" + method.timesteps + ", order=" + method.order + "]";
  }

  record Lms(Timesteps timesteps, int order, X0Correction correction) implements Method {

    Lms {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
      if (order < 1 || order > MAX_ORDER) {
        throw new IllegalArgumentException(
            "order must be in [1, " + MAX_ORDER + "] but was " + order);
      }
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.nodes(schedule, FinalSigma.ZERO).transitions();
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return new Multistep(order);
    }
  }

  private static final class Multistep implements Run {

    private final History directions;

    Multistep(int order) {
      directions = new History(order);
    }

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      Level from = step.from();
      Level to = step.to();
      directions.push(from, estimate.direction(x, from));
      INDArray next = x.mul(to.signal() / from.signal());
      for (int j = 0; j < directions.size(); j++) {
        double share = integral(j, from.sigma(), to.sigma());
        Linear.add(next, to.signal() * share, directions.value(j));
      }
      return next;
    }

    /** The integral of the j-th Lagrange polynomial. Simpson's rule is exact up to degree 3. */
    private double integral(int j, double a, double b) {
      return (b - a) / 6 * (lagrange(j, a) + 4 * lagrange(j, (a + b) / 2) + lagrange(j, b));
    }

    private double lagrange(int j, double sigma) {
      double product = 1;
      double here = directions.level(j).sigma();
      for (int k = 0; k < directions.size(); k++) {
        if (k != j) {
          double other = directions.level(k).sigma();
          product *= (sigma - other) / (here - other);
        }
      }
      return product;
    }

    @Override
    public void close() {
      directions.close();
    }
  }
}
