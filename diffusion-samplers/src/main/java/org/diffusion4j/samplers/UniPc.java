package org.diffusion4j.samplers;

import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A run of {@link UniPcSampler}. The numbers of algorithms and equations are those of the paper.
 */
final class UniPc implements Run {

  private final UniPcSampler.Options options;
  private final int count;
  private final History predictions;
  private @Nullable INDArray before;
  private int lastOrder;

  UniPc(UniPcSampler.Options options, int count) {
    this.options = options;
    this.count = count;
    predictions = new History(options.order);
  }

  @Override
  public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    INDArray here = options.inX0 ? estimate.x0().dup() : estimate.direction(x, step.at());
    boolean corrects = before != null && !options.uncorrected.contains(step.index() - 1);
    INDArray corrected = corrects ? correct(step.from(), here) : x.dup();
    Linear.close(before);
    before = corrected;
    predictions.push(step.from(), here);
    int left = count - step.index();
    int order = options.lowerOrderAtEnd ? Math.min(options.order, left) : options.order;
    boolean stays = step.to().sigma() == step.from().sigma();
    lastOrder = stays ? 1 : Math.min(order, predictions.size());
    return predict(step.to(), corrected);
  }

  /** The predictor UniP, algorithm 2, simplified for order 2. */
  private INDArray predict(Level to, INDArray x) {
    Parts parts = new Parts(to, lastOrder);
    INDArray next = parts.firstOrder(x);
    if (lastOrder > 1) {
      double[] coefficients =
          lastOrder == 2 ? new double[] {0.5} : parts.coefficients(lastOrder - 1, lastOrder - 1);
      parts.addDifferences(next, coefficients);
    }
    return next;
  }

  /**
   * The corrector UniC, algorithm 1: repeats the previous step, using the prediction at its end.
   */
  private INDArray correct(Level here, INDArray found) {
    Parts parts = new Parts(here, lastOrder);
    INDArray next = parts.firstOrder(Objects.requireNonNull(before));
    double[] coefficients =
        lastOrder == 1 ? new double[] {0.5} : parts.coefficients(lastOrder, lastOrder);
    parts.addDifferences(next, coefficients);
    double last = parts.scale * coefficients[lastOrder - 1];
    Elements.add(next, last, found);
    Elements.add(next, -last, predictions.value(0));
    return next;
  }

  /** A step from the level of the newest prediction, using those before it. */
  private final class Parts {

    private final Level from;
    private final Level to;
    private final double h;
    private final double[] r;

    /** The factor of the weighted differences. */
    private final double scale;

    Parts(Level to, int order) {
      this.to = to;
      from = predictions.level(0);
      double step = to.lambda() - from.lambda();
      h = options.inX0 ? -step : step;
      r = new double[order];
      for (int i = 1; i < order; i++) {
        r[i - 1] = (predictions.level(i).lambda() - from.lambda()) / step;
      }
      r[order - 1] = 1;
      scale = -(options.inX0 ? to.signal() : to.noise()) * options.variant.b(h);
    }

    /** DDIM's step. */
    INDArray firstOrder(INDArray x) {
      double kept = options.inX0 ? to.noise() / from.noise() : to.signal() / from.signal();
      double added = -(options.inX0 ? to.signal() : to.noise()) * Math.expm1(h);
      return Elements.combine(kept, x, added, predictions.value(0));
    }

    /**
     * The weights a: {@code sum_k r_k^(i-1) a_k = i! h phi_(i+1)(h) / B(h)}, equation 5.
     *
     * @param rows number of equations
     * @param known number of r that are used
     */
    double[] coefficients(int rows, int known) {
      double[][] powers = new double[rows][known];
      double[] b = new double[rows];
      for (int i = 0; i < rows; i++) {
        for (int k = 0; k < known; k++) {
          powers[i][k] = Math.pow(r[k], i);
        }
        b[i] = Phi.factorial(i + 1) * h * Phi.of(i + 2, h) / options.variant.b(h);
      }
      return Linear.solve(powers, b);
    }

    void addDifferences(INDArray next, double[] coefficients) {
      for (int i = 1; i < r.length; i++) {
        double coefficient = scale * coefficients[i - 1] / r[i - 1];
        Elements.add(next, coefficient, predictions.value(i));
        Elements.add(next, -coefficient, predictions.value(0));
      }
    }
  }

  @Override
  public void close() {
    Linear.close(before);
    predictions.close();
  }
}
