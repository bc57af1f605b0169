package org.diffusion4j.samplers;

import java.util.List;
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

  /**
   * How the steps of a sampler are spaced that takes fewer than the schedule has. The first four
   * space timesteps (Lin et al. 2024, table 2), the others noise levels.
   *
   * <p>Methods that need whole timesteps round them. Those that work with noise levels take them
   * between timesteps; those that end above the last timestep, at its noise level or at none
   * (DPM-Solver, UniPC, DEIS), divide the way into {@code n} parts, so that 0 is not among them.
   */
  public enum Spacing {
    /**
     * Multiples of {@code T / n}, rounded down, from 0; DDIM's own. The last step, T-1, is left
     * out.
     */
    LEADING(StepSpacing.LEADING, null),

    /**
     * Evenly from T-1 to 0, both included. A single whole timestep is 0, as in NumPy; a single
     * noise level is that of T-1, for samples begin as noise.
     */
    LINSPACE(StepSpacing.LINSPACE, null),

    /** Evenly from T-1 down, 0 left out unless n is T; what zero terminal SNR needs. */
    TRAILING(StepSpacing.TRAILING, null),

    /**
     * Squares of evenly spaced numbers, rounded down, from {@code 0.8 T}: DDIM's own for CIFAR-10.
     * Many steps make the smallest timesteps coincide; such a step changes nothing. Only for
     * methods that take whole timesteps.
     */
    QUADRATIC(StepSpacing.QUADRATIC, null),

    /**
     * Noise levels evenly in {@code sigma^(1/7)}: EDM (Karras et al. 2022), equation 5. Closer
     * together where there is little noise.
     */
    KARRAS(StepSpacing.LINSPACE, SigmaSpacing.KARRAS),

    /** Noise levels evenly in the logarithm of sigma. */
    EXPONENTIAL(StepSpacing.LINSPACE, SigmaSpacing.EXPONENTIAL),

    /**
     * Noise levels at the quantiles of a beta distribution with both parameters 0.6: Lee et al.
     * 2024.
     */
    BETA(StepSpacing.LINSPACE, SigmaSpacing.BETA),

    /**
     * Noise levels evenly in the logarithm of the signal-to-noise ratio: DPM-Solver (Lu et al.
     * 2022), section 3.4. The same levels as {@link #EXPONENTIAL}.
     */
    LOG_SNR(StepSpacing.LINSPACE, SigmaSpacing.LOG_SNR);

    private final StepSpacing steps;
    private final @Nullable SigmaLevels sigmas;

    Spacing(StepSpacing steps, @Nullable SigmaSpacing sigmas) {
      this.steps = steps;
      this.sigmas = sigmas == null ? null : SigmaLevels.of(sigmas);
    }
  }

  /** Where the last step of a method ends that works with noise levels. */
  public enum FinalSigma {
    /** At no noise. */
    ZERO,
    /** At the noise of the schedule's first step. */
    MIN
  }

  /**
   * The limit of lambda that is used by default: Lu et al. 2023, appendix, for cosine schedules.
   */
  static final double LAMBDA_MIN = -5.1;

  private final Steps steps;
  private final @Nullable SigmaLevels sigmas;

  /** NaN where it was left to the library. */
  private final double lambdaMin;

  private Timesteps(Steps steps, @Nullable SigmaLevels sigmas, double lambdaMin) {
    this.steps = steps;
    this.sigmas = sigmas;
    this.lambdaMin = lambdaMin;
  }

  private static Timesteps of(Steps steps) {
    return new Timesteps(steps, null, Double.NaN);
  }

  /** Every timestep, from T-1 to 0. */
  public static Timesteps all() {
    return of(new Steps.Spaced(0, StepSpacing.LEADING, 0));
  }

  /**
   * Evenly spaced steps.
   *
   * @param count in [1, T]
   * @param spacing where they lie
   */
  public static Timesteps of(int count, Spacing spacing) {
    return of(count, spacing, 0);
  }

  /**
   * Evenly spaced timesteps, shifted.
   *
   * @param count in [1, T]
   * @param spacing where they lie
   * @param offset what is added to each of {@link Spacing#LEADING}, at least 0; 0 for the others
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
   * These timesteps.
   *
   * @param descending at least one, strictly decreasing, each in [0, T-1]
   */
  public static Timesteps list(int... descending) {
    return of(new Steps.Listed(descending));
  }

  /**
   * These noise levels.
   *
   * @param descending values of sigma, {@code sqrt((1 - alphaBar) / alphaBar)}, at least one,
   *     finite, positive and strictly decreasing; not the 0 at the end
   */
  public static Timesteps sigmas(double... descending) {
    return of(Math.max(descending.length, 1), Spacing.LINSPACE).with(SigmaLevels.list(descending));
  }

  /**
   * Evenly spaced ones of the timesteps on which a consistency model was distilled: Luo et al.
   * 2023, section 4.3.
   *
   * @param count in [1, distilled]
   * @param distilled how many those are, evenly spaced up to T-1; in [1, T]
   */
  public static Timesteps distilled(int count, int distilled) {
    return of(new Steps.Distilled(Limits.steps(count), distilled));
  }

  /**
   * These without the timesteps whose lambda, half the logarithm of the signal-to-noise ratio, is
   * below a limit. Those that remain are spaced anew. Noise levels of a list stay.
   *
   * <p>By default the limit is -5.1 (Lu et al. 2023, appendix) where it is needed: for spaced noise
   * levels, and for spaced timesteps if the denoiser predicts noise and the first step would begin
   * below the limit and multiply the share of signal by more than 33. That is so with the cosine
   * schedule, whose last lambda is -9.9. There x_0 follows from predicted noise with 20,000 times
   * its error.
   *
   * @param lambda at most the schedule's highest; negative infinity for no limit at all
   */
  public Timesteps withLambdaMin(double lambda) {
    if (Double.isNaN(lambda)) {
      throw new IllegalArgumentException("lambda must be a number but was NaN");
    }
    return new Timesteps(steps, sigmas, lambda);
  }

  /** These with noise levels that lie between the first's and the last's. */
  Timesteps with(SigmaLevels levels) {
    return new Timesteps(steps, levels, lambdaMin);
  }

  /**
   * The timesteps of a schedule, from the noisiest.
   *
   * @param total the schedule's number of steps, T
   * @throws IllegalArgumentException if there are more steps than T, one leaves [0, T-1], or these
   *     are noise levels
   */
  public int[] descending(int total) {
    return descending(total, total);
  }

  /** Whether a limit of lambda can be put in place: none was chosen, no list, and steps remain. */
  boolean canBeLimited(NoiseSchedule schedule) {
    boolean listed = steps instanceof Steps.Listed || (sigmas != null && sigmas.list() != null);
    int last = new SigmaCurve(schedule).stepsAbove(LAMBDA_MIN);
    return Double.isNaN(lambdaMin)
        && !listed
        && last > 0
        && steps.whole(last, schedule.steps()).length > 0;
  }

  /** The same without those of too low a lambda. */
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

  /** How many timesteps may be used. */
  private int last(SigmaCurve curve) {
    boolean spaced = sigmas != null && sigmas.spacing() != null;
    double byDefault =
        spaced && curve.stepsAbove(LAMBDA_MIN) > 0 ? LAMBDA_MIN : Double.NEGATIVE_INFINITY;
    int last = curve.stepsAbove(Double.isNaN(lambdaMin) ? byDefault : lambdaMin);
    if (last < 1) {
      throw new IllegalArgumentException(
          "lambda must be at most the schedule's highest, "
              + -Math.log(curve.min())
              + ", but the minimum was "
              + lambdaMin);
    }
    return last;
  }

  private void requireSome(int count) {
    if (count == 0) {
      throw new IllegalArgumentException(
          "lambda of a timestep must be at least the minimum, "
              + lambdaMin
              + ", but none was of "
              + this);
    }
  }

  /** The moves from each timestep to the next, and from the last to the end. */
  List<Transition> down(NoiseSchedule schedule, Level end) {
    return Transition.down(schedule, descending(schedule), end);
  }

  /** The same moves, walked back; the denoiser is asked about where they lead. */
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

  /** The noise levels of a method that divides the way into parts. */
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
        + "]";
  }
}
