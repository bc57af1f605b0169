package org.diffusion4j.samplers;

import java.util.Set;

/**
 * The unified predictor and corrector: UniPC (Zhao et al. 2023). Each call of the denoiser serves
 * twice, to correct the step that led to the samples and to predict the next. One order higher than
 * DPM-Solver++ for the same calls; serves well from 5 to 10 steps.
 */
public final class UniPcSampler extends LoopSampler {

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

  private final UniPc method;

  private UniPcSampler(UniPc method) {
    this.method = method;
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public UniPcSampler(int steps) {
    this(Timesteps.of(steps, StepSpacing.LINSPACE));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, or noise levels
   */
  public UniPcSampler(Timesteps timesteps) {
    this(
        new UniPc(
            timesteps, 2, Variant.BH2, true, true, Set.of(), FinalSigma.ZERO, X0Correction.none()));
  }

  /**
   * This sampler with another order; 2 is the default.
   *
   * @param order of the predictor, in [1, 4]; the corrector adds 1
   */
  public UniPcSampler withOrder(int order) {
    return new UniPcSampler(method.withOrder(order));
  }

  /** This sampler with another function B(h); {@link Variant#BH2} is the default. */
  public UniPcSampler withVariant(Variant variant) {
    return new UniPcSampler(method.withVariant(variant));
  }

  /** This sampler on predictions of the noise and not of the clean samples. */
  public UniPcSampler withEpsilon() {
    return new UniPcSampler(method.withEpsilon());
  }

  /** This sampler with full order to the end; for an end at {@link FinalSigma#MIN}. */
  public UniPcSampler withFullOrderAtEnd() {
    return new UniPcSampler(method.withFullOrderAtEnd());
  }

  /**
   * This sampler without the correction of some steps.
   *
   * @param steps their numbers, from 0
   */
  public UniPcSampler withoutCorrector(Set<Integer> steps) {
    return new UniPcSampler(method.withoutCorrector(steps));
  }

  /** This sampler with another end of its last step; {@link FinalSigma#ZERO} is the default. */
  public UniPcSampler withFinalSigma(FinalSigma end) {
    return new UniPcSampler(method.withFinalSigma(end));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public UniPcSampler withCorrection(X0Correction correction) {
    return new UniPcSampler(method.withCorrection(correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "UniPcSampler["
        + method.timesteps()
        + ", "
        + method.variant()
        + ", order="
        + method.order()
        + (method.inX0() ? "" : ", epsilon")
        + ", end="
        + method.end()
        + (method.lowerOrderAtEnd() ? "" : ", full order at end")
        + (method.uncorrected().isEmpty() ? "" : ", uncorrected " + method.uncorrected())
        + "]";
  }
}
