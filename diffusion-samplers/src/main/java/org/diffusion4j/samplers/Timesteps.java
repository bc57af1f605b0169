package org.diffusion4j.samplers;

import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a sampler: all timesteps of a schedule, some of them, or noise levels, which may lie
 * between timesteps. Immutable.
 *
 * <p>Methods that need whole timesteps (DDPM, DDIM, PNDM, LCM, TCD) refuse noise levels; the others
 * accept both.
 */
public final class Timesteps {

  /**
   * The spacing of a sampler's steps if there are fewer than in the schedule. The first four space
   * timesteps (Lin et al. 2024, table 2), the others noise levels.
   *
   * <p>Methods that need whole timesteps round them. Methods that work with noise levels also use
   * levels between timesteps. DPM-Solver, UniPC and DEIS end at the noise level of timestep 0 or at
   * noise level 0, so they divide the interval into {@code n} parts and timestep 0 is not among
   * them.
   */
  public enum Spacing {
    /**
     * Multiples of {@code T / n}, rounded down, from 0; the spacing of DDIM. T-1 is not included.
     */
    LEADING(StepSpacing.LEADING, null),

    /**
     * Evenly spaced from T-1 to 0, both included. A single whole timestep is 0, as in NumPy; a
     * single noise level is that of T-1, because samples start as noise.
     */
    LINSPACE(StepSpacing.LINSPACE, null),

    /**
     * Evenly spaced from T-1 down; 0 is not included unless n is T. Required for zero terminal SNR.
     */
    TRAILING(StepSpacing.TRAILING, null),

    /**
     * Squares of evenly spaced numbers, rounded down, from {@code 0.8 T}: the spacing of DDIM for
     * CIFAR-10. With many steps the smallest timesteps coincide; such steps have no effect. Only
     * for methods that need whole timesteps.
     */
    QUADRATIC(StepSpacing.QUADRATIC, null),

    /**
     * Noise levels evenly spaced in {@code sigma^(1/7)}: EDM (Karras et al. 2022), equation 5.
     * Denser at low noise.
     */
    KARRAS(StepSpacing.LINSPACE, SigmaSpacing.KARRAS),

    /** Noise levels evenly spaced in the logarithm of sigma. */
    EXPONENTIAL(StepSpacing.LINSPACE, SigmaSpacing.EXPONENTIAL),

    /**
     * Noise levels at the quantiles of a beta distribution with both parameters 0.6: Lee et al.
     * 2024.
     */
    BETA(StepSpacing.LINSPACE, SigmaSpacing.BETA),

    /**
     * Noise levels evenly spaced in the logarithm of the signal-to-noise ratio: DPM-Solver (Lu et
     * al. 2022), section 3.4. The same levels as {@link #EXPONENTIAL}.
     */
    LOG_SNR(StepSpacing.LINSPACE, SigmaSpacing.LOG_SNR);

    private final StepSpacing steps;
    private final @Nullable SigmaLevels sigmas;

    Spacing(StepSpacing steps, @Nullable SigmaSpacing sigmas) {
      this.steps = steps;
      this.sigmas = sigmas == null ? null : SigmaLevels.of(sigmas);
    }
  }

  /** The end of the last step, for methods that work with noise levels. */
  public enum FinalSigma {
    /** Noise level 0. */
    ZERO,
    /** The noise level of timestep 0. */
    MIN
  }

  /** The default limit of spaced noise levels: Lu et al. 2023, appendix. */
  private static final double LAMBDA_MIN = -5.1;

  private final Steps steps;
  private final @Nullable SigmaLevels sigmas;

  /** NaN for the default. */
  private final double lambdaMin;

  /** The number of timesteps that may be used, from 0 on. */
  private final int most;

  private Timesteps(Steps steps, @Nullable SigmaLevels sigmas, double lambdaMin, int most) {
    this.steps = steps;
    this.sigmas = sigmas;
    this.lambdaMin = lambdaMin;
    this.most = most;
  }

  private static Timesteps of(Steps steps) {
    return new Timesteps(steps, null, Double.NaN, Integer.MAX_VALUE);
  }

  /** All timesteps, from T-1 to 0. */
  public static Timesteps all() {
    return of(new Steps.Spaced(0, StepSpacing.LEADING, 0));
  }

  /**
   * Steps with a spacing.
   *
   * @param count in [1, T]
   * @param spacing their spacing
   */
  public static Timesteps of(int count, Spacing spacing) {
    return of(count, spacing, 0);
  }

  /**
   * Timesteps with a spacing and an offset.
   *
   * @param count in [1, T]
   * @param spacing their spacing
   * @param offset the number added to each with {@link Spacing#LEADING}, at least 0; 0 for the
   *     others
   */
  public static Timesteps of(int count, Spacing spacing, int offset) {
    if (offset < 0 || (offset > 0 && spacing != Spacing.LEADING)) {
      throw new IllegalArgumentException(
          "offset must be at least 0, and 0 but for leading spacing, but was "
              + offset
              + " for "
              + spacing);
    }
    Timesteps spaced = of(new Steps.Spaced(Limits.steps(count), spacing.steps, offset));
    return spacing.sigmas == null ? spaced : spaced.with(spacing.sigmas);
  }

  /**
   * A list of timesteps.
   *
   * @param descending at least one, strictly decreasing, each in [0, T-1]
   */
  public static Timesteps list(int... descending) {
    return of(new Steps.Listed(descending));
  }

  /**
   * Evenly spaced timesteps in each of several sections of equal length: the respacing of improved
   * diffusion (Nichol and Dhariwal 2021, section 4), {@code "10,15,20"}. The first section has the
   * lowest timesteps.
   *
   * @param counts number of timesteps in each section, at least 1 and at most its length
   */
  public static Timesteps sections(int... counts) {
    return of(new Steps.Sections(counts));
  }

  /**
   * A list of noise levels.
   *
   * @param descending values of sigma, {@code sqrt((1 - alphaBar) / alphaBar)}, at least one,
   *     finite, positive and strictly decreasing; without the 0 at the end
   */
  public static Timesteps sigmas(double... descending) {
    return of(Math.max(descending.length, 1), Spacing.LINSPACE).with(SigmaLevels.list(descending));
  }

  /**
   * Evenly spaced ones among the timesteps on which a consistency model was distilled: Luo et al.
   * 2023, section 4.3.
   *
   * @param count in [1, distilled]
   * @param distilled number of timesteps of the distillation, evenly spaced up to T-1; in [1, T]
   */
  public static Timesteps distilled(int count, int distilled) {
    return of(new Steps.Distilled(Limits.steps(count), distilled));
  }

  /**
   * A copy without timesteps whose lambda, half of the logarithm of the signal-to-noise ratio, is
   * below a limit. The remaining interval is spaced again. Noise levels of a list are not changed.
   *
   * <p>By default spaced noise levels end at -5.1 (Lu et al. 2023, appendix). Spaced timesteps end
   * at -3.5 if the denoiser predicts noise, or for Heun, KDPM2 and PNDM, where a step from below
   * that would multiply the signal by more than 33. An example is the cosine schedule, whose last
   * lambda is -9.9: there the error of x_0 is 20,000 times that of the predicted noise.
   *
   * @param lambda at most the schedule's highest; negative infinity for no limit
   */
  public Timesteps withLambdaMin(double lambda) {
    if (Double.isNaN(lambda)) {
      throw new IllegalArgumentException("lambda must be a number but was NaN");
    }
    return new Timesteps(steps, sigmas, lambda, most);
  }

  /**
   * A copy without timesteps above {@code t}. The remaining interval is spaced again; DPM-Solver,
   * UniPC and DEIS with {@link Spacing#TRAILING} keep the distance of their steps and do fewer. For
   * runs that start from a noisy image (SDEdit, Meng et al. 2022): the lower {@code t}, the closer
   * the samples are to the image. {@link Spacing#LEADING} and {@link Spacing#QUADRATIC} start below
   * {@code t}, the other spacings at {@code t}. Noise levels of a list are not changed.
   *
   * @param t in [0, T-1]
   */
  public Timesteps withFirst(int t) {
    if (t < 0) {
      throw new IllegalArgumentException("first timestep must be at least 0 but was " + t);
    }
    return new Timesteps(steps, sigmas, lambdaMin, Math.addExact(t, 1));
  }

  /** A copy with noise levels between those of the first and the last. */
  Timesteps with(SigmaLevels levels) {
    return new Timesteps(steps, levels, lambdaMin, most);
  }

  /**
   * The timesteps for a schedule, in descending order.
   *
   * @param total the schedule's number of steps, T
   * @throws IllegalArgumentException if there are more steps than T, if one is outside [0, T-1], or
   *     if these are noise levels
   */
  public int[] descending(int total) {
    return descending(total, total);
  }

  /** Whether a limit of lambda can be applied: no limit was set, this is no list, steps remain. */
  boolean canBeLimited(NoiseSchedule schedule, double lambda) {
    boolean listed = steps instanceof Steps.Listed || (sigmas != null && sigmas.list() != null);
    int last = new SigmaCurve(schedule).stepsAbove(lambda);
    return Double.isNaN(lambdaMin)
        && !listed
        && last > 0
        && steps.whole(last, schedule.steps()).length > 0;
  }

  /** The same without timesteps below the limit of lambda. */
  int[] descending(NoiseSchedule schedule) {
    int[] t = descending(last(new SigmaCurve(schedule)), schedule.steps());
    requireSome(t.length);
    return t;
  }

  private int[] descending(int last, int total) {
    if (sigmas != null) {
      throw new IllegalArgumentException(
          "this method takes whole timesteps but was given noise levels, " + this);
    }
    return steps.whole(last, total);
  }

  /** The number of timesteps that may be used. */
  private int last(SigmaCurve curve) {
    boolean spaced = sigmas != null && sigmas.spacing() != null;
    boolean limited = spaced && curve.canBeLimited() && curve.stepsAbove(LAMBDA_MIN) > 0;
    double byDefault = limited ? LAMBDA_MIN : Double.NEGATIVE_INFINITY;
    int last = curve.stepsAbove(Double.isNaN(lambdaMin) ? byDefault : lambdaMin);
    if (last < 1) {
      throw new IllegalArgumentException(
          "lambda must be at most the schedule's highest, "
              + -Math.log(curve.min())
              + ", but the minimum was "
              + lambdaMin);
    }
    return Math.min(last, most(curve.stepsAbove(Double.NEGATIVE_INFINITY)));
  }

  private int most(int total) {
    if (most < Integer.MAX_VALUE && most > total) {
      throw new IllegalArgumentException(
          "first timestep must be in [0, " + (total - 1) + "] but was " + (most - 1));
    }
    return most;
  }

  private void requireSome(int count) {
    if (count == 0 && most < Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a timestep must be within the limits but none is of " + this);
    }
    if (count == 0) {
      throw new IllegalArgumentException(
          "lambda of a timestep must be at least the minimum, "
              + lambdaMin
              + ", but none was of "
              + this);
    }
  }

  /** The transitions from each timestep to the next, and from the last to the end. */
  List<Transition> down(NoiseSchedule schedule, Level end) {
    return Transition.down(schedule, descending(schedule), end);
  }

  /** The reverse transitions; the denoiser gets the timestep at their end. */
  List<Transition> up(NoiseSchedule schedule, Level beginning) {
    return Transition.up(schedule, descending(schedule), beginning);
  }

  /** The noise levels of a method that visits both ends of the schedule. */
  NoiseLevels nodes(NoiseSchedule schedule, FinalSigma end) {
    SigmaCurve curve = new SigmaCurve(schedule);
    int total = schedule.steps();
    double[] t = steps.nodes(last(curve), total);
    requireSome(t.length);
    double max = curve.sigma(t[0]);
    double min = curve.sigma(t[t.length - 1]);
    return NoiseLevels.of(t, curve, max, min, steps.count(total), sigmas, end);
  }

  /** The noise levels of a method that divides the interval into parts. */
  NoiseLevels intervals(NoiseSchedule schedule, FinalSigma end) {
    SigmaCurve curve = new SigmaCurve(schedule);
    int total = schedule.steps();
    int last = last(curve);
    double[] t = steps.intervals(last, total);
    requireSome(t.length);
    double max = curve.sigma(last - 1);
    return NoiseLevels.of(t, curve, max, curve.min(), steps.count(total), sigmas, end);
  }

  @Override
  public String toString() {
    return "Timesteps["
        + steps
        + (sigmas == null ? "" : ", " + sigmas)
        + (!Double.isFinite(lambdaMin) ? "" : ", lambda from " + lambdaMin)
        + (most == Integer.MAX_VALUE ? "" : ", first at most " + (most - 1))
        + "]";
  }
}
