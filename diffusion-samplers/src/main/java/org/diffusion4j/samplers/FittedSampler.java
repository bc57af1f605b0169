package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A linear multistep method whose noise levels and coefficients were fitted to a denoiser: {@code
 * y' = c_0 y + c_1 x_0 + c_2 x_0' + ...} with {@code y = x / signal}, this step's prediction x_0
 * and those of the steps before. Every explicit solver of the probability flow with one call per
 * step is of this form: Shaul et al. 2024, Bespoke Non-Stationary Solvers.
 */
final class FittedSampler extends LoopSampler<FittedSampler, FittedSampler.Options> {

  /** The most predictions that a step uses. */
  static final int ORDER = 4;

  /**
   * The steps.
   *
   * @param sigmas noise levels, descending; the last step ends without noise
   * @param coefficients of each step: of y, and of the predictions from the newest on
   */
  record Solver(double[] sigmas, double[][] coefficients) {

    int steps() {
      return sigmas.length;
    }

    /** The number of predictions that a step uses. */
    static int terms(int step) {
      return Math.min(step + 1, ORDER);
    }

    /** One list: the levels, and then the coefficients of each step. */
    List<Double> toList() {
      List<Double> list = new ArrayList<>();
      Arrays.stream(sigmas).forEach(list::add);
      Arrays.stream(coefficients).flatMapToDouble(Arrays::stream).forEach(list::add);
      return list;
    }

    /** The length of the list for a number of steps. */
    static int length(int steps) {
      int length = steps;
      for (int i = 0; i < steps; i++) {
        length += 1 + terms(i);
      }
      return length;
    }

    /**
     * The steps of a list.
     *
     * @param list of the length for this number of steps
     */
    static Solver of(double[] list, int steps) {
      double[][] coefficients = new double[steps][];
      int at = steps;
      for (int i = 0; i < steps; i++) {
        coefficients[i] = Arrays.copyOfRange(list, at, at + 1 + terms(i));
        at += 1 + terms(i);
      }
      return new Solver(Arrays.copyOf(list, steps), coefficients);
    }
  }

  static final class Options extends LoopSampler.Options {

    private final Solver solver;

    private Options(Solver solver, FittedTo fittedTo) {
      super(Timesteps.sigmas(solver.sigmas()));
      this.solver = solver;
      this.fittedTo = fittedTo;
    }
  }

  private FittedSampler(Options options) {
    super(options, FittedSampler::new);
  }

  /**
   * @param fittedTo the denoiser that it is for
   */
  FittedSampler(Solver solver, FittedTo fittedTo) {
    this(new Options(solver, fittedTo));
  }

  @Override
  String described() {
    return ", fitted";
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.nodes(schedule, Timesteps.FinalSigma.ZERO).transitions();
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Multistep(options);
  }

  private static final class Multistep implements Run {

    private final Solver solver;
    private final X0Correction correction;
    private final History predictions = new History(ORDER);

    Multistep(Options options) {
      solver = options.solver;
      correction = options.correction;
    }

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      Level to = step.to();
      predictions.push(step.from(), Elements.times(1, estimate.x0()));
      double[] coefficients = solver.coefficients()[step.index()];
      // With a strength, the steps before the first are missing.
      if (predictions.size() < coefficients.length - 1) {
        return Flow.euler(x, estimate.x0(), step.from(), to.sigma(), to);
      }
      INDArray next = Elements.times(to.signal() / step.from().signal() * coefficients[0], x);
      for (int j = 1; j < coefficients.length; j++) {
        Elements.add(next, to.signal() * coefficients[j], predictions.value(j - 1));
      }
      if (step.last()) {
        correction.correct(next, next, to);
      }
      return next;
    }

    @Override
    public void close() {
      predictions.close();
    }
  }
}
