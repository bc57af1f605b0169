package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The method of {@link UniPcSampler}. The algorithms and equations are those of the paper. */
record UniPc(
    Timesteps timesteps,
    int order,
    UniPcSampler.Variant variant,
    boolean inX0,
    boolean lowerOrderAtEnd,
    Set<Integer> uncorrected,
    FinalSigma end,
    X0Correction correction)
    implements Method {

  private static final int MAX_ORDER = 4;

  UniPc {
    Objects.requireNonNull(timesteps, "timesteps");
    Objects.requireNonNull(variant, "variant");
    Objects.requireNonNull(end, "end");
    Objects.requireNonNull(correction, "correction");
    uncorrected = Set.copyOf(uncorrected);
    if (order < 1 || order > MAX_ORDER) {
      throw new IllegalArgumentException(
          "order must be in [1, " + MAX_ORDER + "] but was " + order);
    }
  }

  UniPc withOrder(int value) {
    return new UniPc(
        timesteps, value, variant, inX0, lowerOrderAtEnd, uncorrected, end, correction);
  }

  UniPc withVariant(UniPcSampler.Variant value) {
    return new UniPc(timesteps, order, value, inX0, lowerOrderAtEnd, uncorrected, end, correction);
  }

  UniPc withEpsilon() {
    return new UniPc(
        timesteps, order, variant, false, lowerOrderAtEnd, uncorrected, end, correction);
  }

  UniPc withFullOrderAtEnd() {
    return new UniPc(timesteps, order, variant, inX0, false, uncorrected, end, correction);
  }

  UniPc withoutCorrector(Set<Integer> steps) {
    return new UniPc(timesteps, order, variant, inX0, lowerOrderAtEnd, steps, end, correction);
  }

  UniPc withFinalSigma(FinalSigma value) {
    return new UniPc(
        timesteps, order, variant, inX0, lowerOrderAtEnd, uncorrected, value, correction);
  }

  UniPc withCorrection(X0Correction value) {
    return new UniPc(timesteps, order, variant, inX0, lowerOrderAtEnd, uncorrected, end, value);
  }

  @Override
  public List<Transition> transitions(NoiseSchedule schedule) {
    if (end == FinalSigma.ZERO && (!inX0 || (!lowerOrderAtEnd && order > 1))) {
      throw new IllegalArgumentException(
          "final sigma must be MIN with epsilon or full order at the end but was ZERO");
    }
    return timesteps.intervals(schedule, end, Double.NEGATIVE_INFINITY).transitions();
  }

  @Override
  public Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Solver(this, steps.size());
  }

  private static final class Solver implements Run {

    private final UniPc method;
    private final int count;
    private final History predictions;
    private @Nullable INDArray before;
    private int lastOrder;

    Solver(UniPc method, int count) {
      this.method = method;
      this.count = count;
      predictions = new History(method.order);
    }

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      INDArray here = method.inX0 ? estimate.x0().dup() : estimate.direction(x, step.at());
      boolean corrects = before != null && !method.uncorrected.contains(step.index() - 1);
      INDArray corrected = corrects ? correct(step.from(), here) : x.dup();
      Linear.close(before);
      before = corrected;
      predictions.push(step.from(), here);
      int left = count - step.index();
      int order = method.lowerOrderAtEnd ? Math.min(method.order, left) : method.order;
      boolean stays = step.to().sigma() == step.from().sigma();
      lastOrder = stays ? 1 : Math.min(order, predictions.size());
      return predict(step.to(), corrected);
    }

    /** UniP, algorithm 2, with the simplification for order 2. */
    private INDArray predict(Level to, INDArray x) {
      Parts parts = new Parts(to, lastOrder);
      INDArray next = parts.firstOrder(x);
      if (lastOrder > 1) {
        double[] shares =
            lastOrder == 2 ? new double[] {0.5} : parts.shares(lastOrder - 1, lastOrder - 1);
        parts.addDifferences(next, shares);
      }
      return next;
    }

    /** UniC, algorithm 1: the step that led here once more, with what was found here. */
    private INDArray correct(Level here, INDArray found) {
      Parts parts = new Parts(here, lastOrder);
      INDArray next = parts.firstOrder(Objects.requireNonNull(before));
      double[] shares = lastOrder == 1 ? new double[] {0.5} : parts.shares(lastOrder, lastOrder);
      parts.addDifferences(next, shares);
      double last = parts.scale * shares[lastOrder - 1];
      Linear.add(next, last, found);
      Linear.add(next, -last, predictions.value(0));
      return next;
    }

    /** A step from the newest prediction's level with those before it. */
    private final class Parts {

      private final Level from;
      private final Level to;
      private final double h;
      private final double[] r;

      /** What the weighted differences are multiplied with. */
      private final double scale;

      Parts(Level to, int order) {
        this.to = to;
        from = predictions.level(0);
        double step = to.lambda() - from.lambda();
        h = method.inX0 ? -step : step;
        r = new double[order];
        for (int i = 1; i < order; i++) {
          r[i - 1] = (predictions.level(i).lambda() - from.lambda()) / step;
        }
        r[order - 1] = 1;
        scale = -(method.inX0 ? to.signal() : to.noise()) * method.variant.b(h);
      }

      /** DDIM's step. */
      INDArray firstOrder(INDArray x) {
        double kept = method.inX0 ? to.noise() / from.noise() : to.signal() / from.signal();
        double added = -(method.inX0 ? to.signal() : to.noise()) * Math.expm1(h);
        return Linear.combine(kept, x, added, predictions.value(0));
      }

      /**
       * The weights a: {@code sum_k r_k^(i-1) a_k = i! h phi_(i+1)(h) / B(h)}, equation 5.
       *
       * @param rows equations
       * @param known of the r that are used
       */
      double[] shares(int rows, int known) {
        double[][] powers = new double[rows][known];
        double[] b = new double[rows];
        for (int i = 0; i < rows; i++) {
          for (int k = 0; k < known; k++) {
            powers[i][k] = Math.pow(r[k], i);
          }
          b[i] = Phi.factorial(i + 1) * h * Phi.of(i + 2, h) / method.variant.b(h);
        }
        return Linear.solve(powers, b);
      }

      void addDifferences(INDArray next, double[] shares) {
        for (int i = 1; i < r.length; i++) {
          double share = scale * shares[i - 1] / r[i - 1];
          Linear.add(next, share, predictions.value(i));
          Linear.add(next, -share, predictions.value(0));
        }
      }
    }

    @Override
    public void close() {
      Linear.close(before);
      predictions.close();
    }
  }
}
