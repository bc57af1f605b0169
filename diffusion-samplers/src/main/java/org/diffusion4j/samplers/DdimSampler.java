package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The implicit model: DDIM (Song et al. 2021), equation 12, which walks DDPM's path in fewer steps.
 */
public final class DdimSampler extends LoopSampler {

  private final Implicit method;

  private DdimSampler(Implicit method) {
    this.method = method;
  }

  /**
   * Deterministic, with evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public DdimSampler(int steps) {
    this(steps, 0);
  }

  /**
   * With evenly spaced steps from T-1 down.
   *
   * @param steps in [1, T]
   * @param eta how random, in [0, 1]: 0 deterministic, 1 as DDPM with the posterior variance
   */
  public DdimSampler(int steps, double eta) {
    this(Timesteps.of(steps, StepSpacing.TRAILING), eta);
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit
   * @param eta how random, in [0, 1]
   */
  public DdimSampler(Timesteps timesteps, double eta) {
    this(new Implicit(timesteps, eta, X0Correction.none(), false, false, 1));
  }

  /**
   * This sampler with a correction of the predicted clean samples, such as clipping. The noise is
   * taken anew from the corrected samples, as GLIDE does: what was predicted beside samples beyond
   * the range, as guided ones are, does not fit the corrected ones.
   */
  public DdimSampler withCorrection(X0Correction correction) {
    return new DdimSampler(
        new Implicit(
            method.timesteps,
            method.eta,
            correction,
            true,
            method.predictedEpsilon,
            method.finalAlphaBar));
  }

  /** This sampler with the noise as it was predicted, whatever the correction: as in diffusers. */
  public DdimSampler withPredictedEpsilon() {
    return withEpsilon(true);
  }

  /** This sampler with the noise taken anew from the corrected samples, which is the default. */
  public DdimSampler withEpsilonFromCorrected() {
    return withEpsilon(false);
  }

  private DdimSampler withEpsilon(boolean predicted) {
    return new DdimSampler(
        new Implicit(
            method.timesteps,
            method.eta,
            method.correction,
            method.corrects,
            predicted,
            method.finalAlphaBar));
  }

  /**
   * This sampler with another share of signal at the end of its last step.
   *
   * @param alphaBar in (0, 1]; checkpoints that were trained with {@code set_alpha_to_one=false}
   *     want the schedule's {@code alphaBar(0)}
   */
  public DdimSampler withFinalAlphaBar(double alphaBar) {
    return new DdimSampler(
        new Implicit(
            method.timesteps,
            method.eta,
            method.correction,
            method.corrects,
            method.predictedEpsilon,
            alphaBar));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "DdimSampler[" + method.timesteps + ", eta=" + method.eta + "]";
  }

  record Implicit(
      Timesteps timesteps,
      double eta,
      X0Correction correction,
      boolean corrects,
      boolean predictedEpsilon,
      double finalAlphaBar)
      implements Method {

    Implicit {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
      if (!(eta >= 0 && eta <= 1)) {
        throw new IllegalArgumentException("eta must be in [0, 1] but was " + eta);
      }
      if (!(finalAlphaBar > 0 && finalAlphaBar <= 1)) {
        throw new IllegalArgumentException(
            "final alphaBar must be in (0, 1] but was " + finalAlphaBar);
      }
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.down(schedule, Level.of(finalAlphaBar));
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return this::step;
    }

    private INDArray step(
        Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      double alphaBar = step.from().alphaBar();
      double alphaBarNext = step.to().alphaBar();
      double variance = (1 - alphaBarNext) / (1 - alphaBar) * (1 - alphaBar / alphaBarNext);
      // Below 0 where the last step leaves more noise than it found.
      double sigma = eta * Math.sqrt(Math.max(variance, 0));

      double x0Share = Math.sqrt(alphaBarNext);
      double epsilonShare = Math.sqrt(Math.max(1 - alphaBarNext - sigma * sigma, 0));
      INDArray next;
      if (corrects && !predictedEpsilon) {
        // epsilon = (x - sqrt(alphaBar) x0) / sqrt(1 - alphaBar)
        double root = Math.sqrt(1 - alphaBar);
        next =
            Linear.combine(
                x0Share - epsilonShare * Math.sqrt(alphaBar) / root,
                estimate.x0(),
                epsilonShare / root,
                x);
      } else {
        next = Linear.combine(x0Share, estimate.x0(), epsilonShare, estimate.epsilon());
      }
      if (sigma > 0) {
        Linear.addNoise(next, sigma, noise);
      }
      return next;
    }
  }
}
