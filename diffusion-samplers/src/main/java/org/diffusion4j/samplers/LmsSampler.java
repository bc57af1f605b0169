package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The linear multistep method of Adams and Bashforth for the probability flow ODE (k-diffusion's
 * LMS). It integrates the polynomial through the last directions over the step, with one denoiser
 * call per step.
 */
public final class LmsSampler extends LoopSampler<LmsSampler, LmsSampler.Options> {

  private static final int MAX_ORDER = 4;

  static final class Options extends LoopSampler.Options {

    private int order = MAX_ORDER;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private LmsSampler(Options options) {
    super(options, LmsSampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public LmsSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public LmsSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with another order; 4 is the default.
   *
   * @param order number of directions, in [1, 4]
   */
  public LmsSampler withOrder(int order) {
    Limits.order(order, MAX_ORDER);
    return with(o -> o.order = order);
  }

  @Override
  String described() {
    return ", order=" + options.order;
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.nodes(schedule, FinalSigma.ZERO).transitions();
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Multistep(options.order);
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
      INDArray next = Elements.times(to.signal() / from.signal(), x);
      for (int j = 0; j < directions.size(); j++) {
        double coefficient = integral(j, from.sigma(), to.sigma());
        Elements.add(next, to.signal() * coefficient, directions.value(j));
      }
      return next;
    }

    /**
     * The integral of the j-th Lagrange polynomial. Simpson's rule is exact for degrees up to 3.
     */
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
