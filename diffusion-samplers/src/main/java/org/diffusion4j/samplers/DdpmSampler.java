package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Ancestral sampling: DDPM (Ho et al. 2020), algorithm 2, with every step or with fewer.
 *
 * <p>The reverse step has the mean of q(x_{t-1} | x_t, x_0), equation 7, at the predicted x_0,
 * which is {@code (x_t - beta_t / sqrt(1 - alphaBar_t) epsilon) / sqrt(alpha_t)}; no noise is added
 * at the last step.
 */
public final class DdpmSampler implements Sampler {

  /** The variance of the reverse step: DDPM, section 3.2. */
  public enum Variance {
    /** beta_t. */
    BETA,
    /** The posterior variance {@code beta_t (1 - alphaBar_{t-1}) / (1 - alphaBar_t)}. */
    POSTERIOR
  }

  private final Ancestral method;

  private DdpmSampler(Ancestral method) {
    this.method = method;
  }

  /** Every step, with variance beta_t. */
  public static DdpmSampler withBeta() {
    return of(Variance.BETA, Timesteps.all());
  }

  /** Every step, with the posterior variance. */
  public static DdpmSampler withPosteriorVariance() {
    return of(Variance.POSTERIOR, Timesteps.all());
  }

  /**
   * Some steps; between two that are apart, beta is {@code 1 - alphaBar_t / alphaBar_previous}
   * (Nichol and Dhariwal 2021, section 4).
   *
   * @param variance of the reverse step
   * @param timesteps to visit
   */
  public static DdpmSampler of(Variance variance, Timesteps timesteps) {
    return new DdpmSampler(new Ancestral(variance, timesteps, X0Correction.none()));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public DdpmSampler withCorrection(X0Correction correction) {
    return new DdpmSampler(new Ancestral(method.variance, method.timesteps, correction));
  }

  @Override
  public SamplingResult sample(Denoiser model, SamplingRequest request) {
    return SamplingLoop.run(method, model, request);
  }

  @Override
  public String toString() {
    return "DdpmSampler[" + method.variance + ", " + method.timesteps + "]";
  }

  record Ancestral(Variance variance, Timesteps timesteps, X0Correction correction)
      implements Method {

    Ancestral {
      Objects.requireNonNull(variance, "variance");
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.down(schedule.steps());
    }

    @Override
    public INDArray step(
        Transition step,
        NoiseSchedule schedule,
        Estimate estimate,
        INDArray x,
        Supplier<INDArray> noise) {
      double alphaBar = schedule.alphaBar(step.from());
      double alphaBarNext = schedule.alphaBar(step.to());
      double alpha = alphaBar / alphaBarNext;
      double beta = 1 - alpha;

      double x0Share = Math.sqrt(alphaBarNext) * beta / (1 - alphaBar);
      double xShare = Math.sqrt(alpha) * (1 - alphaBarNext) / (1 - alphaBar);
      INDArray next = Linear.combine(x0Share, estimate.x0(), xShare, x);
      if (!step.last()) {
        double posterior = beta * (1 - alphaBarNext) / (1 - alphaBar);
        double variance = this.variance == Variance.BETA ? beta : posterior;
        Linear.addNoise(next, Math.sqrt(variance), noise);
      }
      return next;
    }
  }
}
