package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The singlestep solvers DPM-Solver-2 and -3 and DPM-Solver++(2S) (Lu et al. 2022 and 2023): steps
 * form groups; the size of a group is the order. The last step of a group starts from the beginning
 * of the group and uses all its predictions. The steps of a group can have different lengths.
 */
public final class DpmSolverSinglestepSampler
    extends DpmSampler<DpmSolverSinglestepSampler, DpmSampler.Options> {

  private DpmSolverSinglestepSampler(Options options) {
    super(options, DpmSolverSinglestepSampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps number of denoiser calls, in [1, T]
   */
  public DpmSolverSinglestepSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public DpmSolverSinglestepSampler(Timesteps timesteps) {
    this(new Options(timesteps, false));
  }

  /**
   * A copy with a last step of order 1 even if it completes a group. A step that ends at noise
   * level 0 is always of order 1.
   */
  public DpmSolverSinglestepSampler withLowerOrderAtEnd() {
    return with(o -> o.lowerOrderAtEnd = true);
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    int count = steps.size();
    return new Solver(options, fromNoiseAlone(steps) ? afterOneAlone(count) : orders(count));
  }

  /**
   * Whether the first step starts from noise without signal and the method extrapolates noise: the
   * step is too long in lambda for extrapolation.
   */
  private boolean fromNoiseAlone(List<Transition> steps) {
    double alphaBar = steps.get(0).from().alphaBar();
    return !options.algorithm.inX0()
        && alphaBar <= 2 * SigmaCurve.SMALLEST_ALPHA_BAR
        && steps.size() > 1;
  }

  /** A step of order 1, followed by {@link #orders}. */
  private int[] afterOneAlone(int count) {
    int[] orders = new int[count];
    orders[0] = 1;
    System.arraycopy(orders(count - 1), 0, orders, 1, count - 1);
    return orders;
  }

  /** The order of each step: 1, 2, ... up to the order, repeated. */
  private int[] orders(int count) {
    int order = options.order;
    int[] orders = new int[count];
    for (int i = 0; i < count; i++) {
      orders[i] = i % order + 1;
    }
    boolean full = count % order == 0;
    if (options.end == FinalSigma.ZERO || (options.lowerOrderAtEnd && full)) {
      orders[count - 1] = 1;
    }
    return orders;
  }

  private static final class Solver implements Run {

    private final Options options;
    private final int[] orders;
    private final History predictions;
    private @Nullable INDArray start;

    Solver(Options options, int[] orders) {
      this.options = options;
      this.orders = orders.clone();
      predictions = new History(options.order);
    }

    /** Lu et al. 2023, algorithm 1; Lu et al. 2022, algorithms 1 and 2. */
    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      predictions.push(step.from(), options.algorithm.prediction(estimate, x, step.from()));
      int order = Math.min(orders[step.index()], predictions.size());
      if (order == 1) {
        Linear.close(start);
        start = x.dup();
      }
      INDArray base = Objects.requireNonNull(start);
      Level from = predictions.level(order - 1);
      INDArray m = predictions.value(order - 1);
      DpmSolverSampler.Algorithm.Coefficients c = options.algorithm.coefficients(from, step.to());
      double h = step.to().lambda() - from.lambda();
      INDArray next = Elements.combine(c.x(), base, c.d0(), m);
      if (order == 2) {
        try (INDArray d1 = difference(0, from, m, h)) {
          Elements.add(next, options.heun ? c.d1() : c.d0() / 2, d1);
        }
      } else if (order == 3) {
        addThird(next, c, from, m, h);
      }
      return options.addNoise(next, c, noise);
    }

    private void addThird(
        INDArray next,
        DpmSolverSampler.Algorithm.Coefficients c,
        Level from,
        INDArray m,
        double h) {
      double r0 = (predictions.level(0).lambda() - from.lambda()) / h;
      double r1 = (predictions.level(1).lambda() - from.lambda()) / h;
      try (INDArray d10 = difference(1, from, m, h);
          INDArray d11 = difference(0, from, m, h)) {
        if (!options.heun) {
          Elements.add(next, c.d1(), d11);
          return;
        }
        double apart = r0 - r1;
        double d1 = c.d1() / apart;
        double d2 = 2 * c.d2() / apart;
        Elements.add(next, d1 * r0 - d2, d10);
        Elements.add(next, d2 - d1 * r1, d11);
      }
    }

    /** The divided difference between the group's start and the i-th newest prediction, times h. */
    private INDArray difference(int i, Level from, INDArray m, double h) {
      double r = (predictions.level(i).lambda() - from.lambda()) / h;
      return Elements.combine(1 / r, predictions.value(i), -1 / r, m);
    }

    @Override
    public void close() {
      Linear.close(start);
      predictions.close();
    }
  }
}
