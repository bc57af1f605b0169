package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.jspecify.annotations.Nullable;

/**
 * Where the steps of a sampler lie: at all timesteps of a schedule, at some of them, or at noise
 * levels, which may fall between timesteps. Immutable.
 *
 * <p>Methods that take whole timesteps (DDPM, DDIM, PNDM, LCM, TCD) refuse noise levels; the others
 * take either.
 */
public final class Timesteps {

  private static final Timesteps ALL = new Timesteps(0, StepSpacing.LEADING, 0, null, 0, null);

  private final int count;
  private final StepSpacing spacing;
  private final int offset;
  private final int @Nullable [] list;
  private final int distilled;
  private final @Nullable SigmaLevels sigmas;

  private Timesteps(
      int count,
      StepSpacing spacing,
      int offset,
      int @Nullable [] list,
      int distilled,
      @Nullable SigmaLevels sigmas) {
    this.count = count;
    this.spacing = Objects.requireNonNull(spacing, "spacing");
    this.offset = offset;
    this.list = list;
    this.distilled = distilled;
    this.sigmas = sigmas;
  }

  /** Every timestep, from T-1 to 0. */
  public static Timesteps all() {
    return ALL;
  }

  /**
   * Evenly spaced timesteps.
   *
   * @param count in [1, T]
   * @param spacing where they lie
   */
  public static Timesteps of(int count, StepSpacing spacing) {
    return of(count, spacing, 0);
  }

  /**
   * Evenly spaced timesteps, shifted.
   *
   * @param count in [1, T]
   * @param spacing where they lie
   * @param offset what is added to each of {@link StepSpacing#LEADING}, at least 0; 0 for the
   *     others
   */
  public static Timesteps of(int count, StepSpacing spacing, int offset) {
    requireCount(count);
    if (offset < 0 || (offset > 0 && spacing != StepSpacing.LEADING)) {
      throw new IllegalArgumentException(
          "offset must be at least 0, and 0 but for leading spacing, but was "
              + offset
              + " for "
              + spacing);
    }
    return new Timesteps(count, spacing, offset, null, 0, null);
  }

  /**
   * Noise levels from the schedule's highest to its lowest.
   *
   * @param count in [1, T]
   * @param spacing how they lie between the two
   */
  public static Timesteps of(int count, SigmaSpacing spacing) {
    requireCount(count);
    return of(count, StepSpacing.LINSPACE).with(SigmaLevels.of(spacing));
  }

  /**
   * These timesteps.
   *
   * @param descending at least one, strictly decreasing, each in [0, T-1]
   */
  public static Timesteps list(int... descending) {
    if (descending.length == 0) {
      throw new IllegalArgumentException("timesteps must not be empty");
    }
    for (int i = 1; i < descending.length; i++) {
      if (descending[i] >= descending[i - 1]) {
        throw new IllegalArgumentException(
            "timesteps must decrease strictly but "
                + descending[i]
                + " follows "
                + descending[i - 1]);
      }
    }
    return new Timesteps(descending.length, StepSpacing.LEADING, 0, descending.clone(), 0, null);
  }

  /**
   * These noise levels.
   *
   * @param descending values of sigma, {@code sqrt((1 - alphaBar) / alphaBar)}, at least one,
   *     finite, positive and strictly decreasing; not the 0 at the end
   */
  public static Timesteps sigmas(double... descending) {
    return new Timesteps(
        Math.max(descending.length, 1),
        StepSpacing.LINSPACE,
        0,
        null,
        0,
        SigmaLevels.list(descending));
  }

  /**
   * Evenly spaced ones of the timesteps on which a consistency model was distilled: Luo et al.
   * 2023, section 4.3.
   *
   * @param count in [1, distilled]
   * @param distilled how many those are, evenly spaced up to T-1; in [1, T]
   */
  public static Timesteps distilled(int count, int distilled) {
    requireCount(count);
    if (count > distilled) {
      throw new IllegalArgumentException(
          "steps must be at most those of the distillation, " + distilled + ", but were " + count);
    }
    return new Timesteps(count, StepSpacing.LEADING, 0, null, distilled, null);
  }

  private static void requireCount(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + count);
    }
  }

  /** These with noise levels that lie between the first's and the last's. */
  Timesteps with(SigmaLevels levels) {
    return new Timesteps(count, spacing, offset, list, distilled, levels);
  }

  /**
   * The timesteps of a schedule, from the noisiest.
   *
   * @param total the schedule's number of steps, T
   * @throws IllegalArgumentException if there are more steps than T, one leaves [0, T-1], or these
   *     are noise levels
   */
  public int[] descending(int total) {
    if (sigmas != null) {
      throw new IllegalArgumentException(
          "this method takes whole timesteps but was given noise levels, " + this);
    }
    int n = count(total);
    int[] steps =
        list != null
            ? list.clone()
            : distilled > 0 ? ofDistilled(total) : spacing.descending(total, n);
    for (int i = 0; i < steps.length; i++) {
      steps[i] += offset;
      requireWithin(steps[i], total);
    }
    return steps;
  }

  private int[] ofDistilled(int total) {
    if (distilled > total) {
      throw new IllegalArgumentException(
          "steps of the distillation must be at most the schedule's, "
              + total
              + ", but were "
              + distilled);
    }
    int stride = total / distilled;
    int[] steps = new int[count];
    for (int i = 0; i < count; i++) {
      steps[i] = (distilled - (int) (i * ((double) distilled / count))) * stride - 1;
    }
    return steps;
  }

  private int count(int total) {
    if (count > total) {
      throw new IllegalArgumentException(
          "steps must be at most the schedule's, " + total + ", but were " + count);
    }
    return count == 0 ? total : count;
  }

  private static void requireWithin(double t, int total) {
    if (t < 0 || t >= total) {
      throw new IllegalArgumentException(
          "timesteps must be in [0, " + (total - 1) + "] but one is " + (int) t);
    }
  }

  /** The moves from each timestep to the next, and from the last to the end. */
  List<Transition> down(NoiseSchedule schedule, Level end) {
    int[] t = descending(schedule.steps());
    double[] times = new double[t.length];
    Level[] levels = new Level[t.length + 1];
    for (int i = 0; i < t.length; i++) {
      times[i] = t[i];
      levels[i] = Level.of(schedule.alphaBar(t[i]));
    }
    levels[t.length] = end;
    return Transition.chain(times, levels);
  }

  /** The same moves, walked back; the denoiser is asked about where they lead. */
  List<Transition> up(NoiseSchedule schedule, Level beginning) {
    int[] t = descending(schedule.steps());
    double[] times = new double[t.length];
    Level[] levels = new Level[t.length + 1];
    levels[0] = beginning;
    for (int i = 0; i < t.length; i++) {
      times[i] = t[t.length - 1 - i];
      levels[i + 1] = Level.of(schedule.alphaBar(t[t.length - 1 - i]));
    }
    return Transition.chain(times, levels);
  }

  /** The noise levels of a method that visits both ends of the schedule. */
  NoiseLevels nodes(NoiseSchedule schedule, FinalSigma end) {
    int total = schedule.steps();
    SigmaCurve curve = new SigmaCurve(schedule);
    double[] t = within(spacing.nodes(total, count(total)), total);
    return NoiseLevels.of(
        t, curve, curve.sigma(t[0]), curve.sigma(t[t.length - 1]), count(total), sigmas, end);
  }

  /**
   * The noise levels of a method that divides the way into parts.
   *
   * @param lambdaMin timesteps of a lower lambda are left out
   */
  NoiseLevels intervals(NoiseSchedule schedule, FinalSigma end, double lambdaMin) {
    int total = schedule.steps();
    SigmaCurve curve = new SigmaCurve(schedule);
    int last = curve.stepsAbove(lambdaMin);
    if (last < 1) {
      throw new IllegalArgumentException(
          "lambda must be at most the schedule's highest, "
              + -Math.log(curve.min())
              + ", but the minimum was "
              + lambdaMin);
    }
    int n = count(total);
    double[] t = within(spacing.intervals(last, total, n), total);
    if (list != null) {
      t = Arrays.stream(t).filter(step -> step < last).toArray();
      if (t.length == 0) {
        throw new IllegalArgumentException(
            "lambda of a timestep must be at least the minimum, "
                + lambdaMin
                + ", but none was of "
                + this);
      }
    }
    return NoiseLevels.of(t, curve, curve.max(), curve.min(), n, sigmas, end);
  }

  private double[] within(double[] spaced, int total) {
    double[] t = list == null ? spaced : Arrays.stream(list).asDoubleStream().toArray();
    if (distilled > 0) {
      throw new IllegalArgumentException(
          "this method cannot take the timesteps of a distillation, " + this);
    }
    for (int i = 0; i < t.length; i++) {
      t[i] += offset;
      requireWithin(t[i], total);
    }
    return t;
  }

  @Override
  public String toString() {
    if (list != null) {
      return "Timesteps" + Arrays.toString(list);
    }
    if (distilled > 0) {
      return "Timesteps[" + count + " of " + distilled + "]";
    }
    if (count == 0) {
      return "Timesteps[all]";
    }
    return "Timesteps["
        + count
        + ", "
        + spacing
        + "+"
        + offset
        + (sigmas == null ? "" : ", " + sigmas)
        + "]";
  }
}
