package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.samplers.Timesteps.FinalSigma;

/**
 * The unified predictor and corrector: UniPC (Zhao et al. 2023). Each denoiser call is used twice:
 * to correct the previous step and to predict the next one. Its order is one higher than that of
 * DPM-Solver++ for the same number of calls. Good with 5 to 10 steps.
 */
public final class UniPcSampler extends LoopSampler<UniPcSampler, UniPcSampler.Options> {

  /** The function B(h) of the paper. */
  public enum Variant {
    /** {@code B(h) = h}. */
    BH1 {
      @Override
      double b(double h) {
        return h;
      }
    },
    /** {@code B(h) = e^h - 1}. */
    BH2 {
      @Override
      double b(double h) {
        return Math.expm1(h);
      }
    };

    abstract double b(double h);
  }

  private static final int MAX_ORDER = 4;

  static final class Options extends LoopSampler.Options {

    int order = 2;
    Variant variant = Variant.BH2;
    boolean inX0 = true;
    boolean lowerOrderAtEnd = true;
    Set<Integer> uncorrected = Set.of();
    FinalSigma end = FinalSigma.ZERO;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private UniPcSampler(Options options) {
    super(options, UniPcSampler::new);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public UniPcSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public UniPcSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with another order; 2 is the default.
   *
   * @param order of the predictor, in [1, 4]; the corrector adds 1
   */
  public UniPcSampler withOrder(int order) {
    Limits.order(order, MAX_ORDER);
    return with(o -> o.order = order);
  }

  /** A copy with another function B(h); {@link Variant#BH2} is the default. */
  public UniPcSampler withVariant(Variant variant) {
    Objects.requireNonNull(variant, "variant");
    return with(o -> o.variant = variant);
  }

  /** A copy that integrates the predicted noise instead of the clean samples. */
  public UniPcSampler withEpsilon() {
    return with(o -> o.inX0 = false);
  }

  /** A copy with full order to the end; requires {@link FinalSigma#MIN}. */
  public UniPcSampler withFullOrderAtEnd() {
    return with(o -> o.lowerOrderAtEnd = false);
  }

  /**
   * A copy without the correction of some steps.
   *
   * @param steps the numbers of these steps, from 0
   */
  public UniPcSampler withoutCorrector(Set<Integer> steps) {
    Set<Integer> copy = Set.copyOf(steps);
    return with(o -> o.uncorrected = copy);
  }

  /** A copy with another end of the last step; {@link FinalSigma#ZERO} is the default. */
  public UniPcSampler withFinalSigma(FinalSigma end) {
    Objects.requireNonNull(end, "end");
    return with(o -> o.end = end);
  }

  @Override
  String described() {
    return ", "
        + options.variant
        + ", order="
        + options.order
        + (options.inX0 ? "" : ", epsilon")
        + ", end="
        + options.end
        + (options.lowerOrderAtEnd ? "" : ", full order at end")
        + (options.uncorrected.isEmpty() ? "" : ", uncorrected " + options.uncorrected);
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    boolean fullOrder = !options.lowerOrderAtEnd && options.order > 1;
    if (options.end == FinalSigma.ZERO && (!options.inX0 || fullOrder)) {
      throw new IllegalArgumentException(
          "final sigma must be MIN with epsilon or full order at the end but was ZERO");
    }
    return options.timesteps.intervals(schedule, options.end).transitions();
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new UniPc(options, steps.size());
  }
}
