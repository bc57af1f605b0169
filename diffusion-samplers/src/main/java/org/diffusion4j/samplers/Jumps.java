package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The jumps back of RePaint (Lugmayr et al. 2022, section 4.2 and appendix B): the samples get
 * noise again and the same steps are taken once more, so that the unknown part comes to fit the
 * known one.
 *
 * @param length number of steps of a jump
 * @param visits how often the steps of a jump are taken, at least 1; 1 for no jumps
 * @param published whether jumps add the noise that diffusers adds
 */
record Jumps(int length, int visits, boolean published) {

  static final Jumps NONE = new Jumps(1, 1, false);

  Jumps {
    if (length < 1) {
      throw new IllegalArgumentException("jump length must be at least 1 but was " + length);
    }
    if (visits < 1) {
      throw new IllegalArgumentException("visits must be at least 1 but were " + visits);
    }
  }

  /** The steps in the order in which they are taken. */
  List<Transition> over(List<Transition> steps) {
    if (visits == 1) {
      return steps;
    }
    int[] order = order(steps.size());
    List<Transition> taken = new ArrayList<>();
    for (int i = 0; i < order.length; i++) {
      Transition step = steps.get(steps.size() - 1 - order[i]);
      taken.add(Transition.of(i, step.t(), step.from(), step.to(), i + 1 == order.length));
    }
    return taken;
  }

  /** The numbers of the steps, counted from the last one, which is 0. */
  private int[] order(int steps) {
    int[] left = new int[steps];
    for (int step = 0; step < steps - length; step += length) {
      left[step] = visits - 1;
    }
    List<Integer> order = new ArrayList<>();
    int step = steps;
    while (step > 0) {
      step--;
      order.add(step);
      if (left[step] > 0) {
        left[step]--;
        step += length;
      }
    }
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * A run that jumps.
   *
   * @param move the method's step
   * @param stride the distance of timesteps
   */
  Run run(Run move, NoiseSchedule schedule, int stride) {
    return new Run() {

      private @Nullable Transition previous;

      @Override
      public INDArray before(Transition step, INDArray x, Supplier<INDArray> noise) {
        Transition reached = previous;
        if (reached == null || step.at().noise() <= reached.to().noise()) {
          return x;
        }
        return published
            ? noisier(x, schedule, (int) reached.t(), (int) step.t() + stride, noise)
            : noisier(x, reached.to(), step.at(), noise);
      }

      @Override
      public INDArray step(
          Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
        previous = step;
        return move.step(step, estimate, x, noise);
      }
    };
  }

  /** A draw of q(x_t | x_s) for s below t: RePaint, equation 1, for all steps at once. */
  private static INDArray noisier(INDArray x, Level from, Level to, Supplier<INDArray> noise) {
    double ratio = to.alphaBar() / from.alphaBar();
    try (INDArray draw = noise.get()) {
      return Elements.combine(Math.sqrt(ratio), x, Math.sqrt(1 - ratio), draw);
    }
  }

  /**
   * The same as diffusers computes it: timestep by timestep, with the betas from the timestep of
   * the last step on. These are those of one step too high.
   */
  private static INDArray noisier(
      INDArray x, NoiseSchedule schedule, int first, int end, Supplier<INDArray> noise) {
    INDArray now = x;
    for (int t = first; t < end; t++) {
      double beta = schedule.beta(t);
      INDArray before = now;
      try (INDArray draw = noise.get()) {
        now = Elements.combine(Math.sqrt(1 - beta), before, Math.sqrt(beta), draw);
      } finally {
        if (before != x) {
          before.close();
        }
      }
    }
    return now;
  }

  @Override
  public String toString() {
    return visits == 1 ? "" : ", jumps=" + Arrays.asList(length, visits);
  }
}
