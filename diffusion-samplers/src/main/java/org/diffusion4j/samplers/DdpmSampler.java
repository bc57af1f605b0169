package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Ancestral sampling: DDPM (Ho et al. 2020), algorithm 2, with all steps or fewer.
 *
 * <p>The reverse step has the mean of q(x_{t-1} | x_t, x_0), equation 7, at the predicted x_0,
 * which is {@code (x_t - beta_t / sqrt(1 - alphaBar_t) epsilon) / sqrt(alpha_t)}; the last step
 * adds no noise.
 */
public final class DdpmSampler extends LoopSampler<DdpmSampler, DdpmSampler.Options> {

  /** The variance of the reverse step: DDPM, section 3.2. */
  public enum Variance {
    /** beta_t. */
    BETA,
    /** The posterior variance {@code beta_t (1 - alphaBar_{t-1}) / (1 - alphaBar_t)}. */
    POSTERIOR,
    /**
     * Between the two, as predicted by the denoiser: {@code exp(u log beta + (1 - u) log
     * posterior)} with {@code u = (v + 1) / 2}, Nichol and Dhariwal 2021, equation 15. Only for
     * denoisers that {@linkplain Denoiser#learnsVariance() learn the variance}.
     */
    LEARNED_RANGE
  }

  static final class Options extends LoopSampler.Options {

    private final Variance variance;

    private Options(Timesteps timesteps, Variance variance) {
      super(timesteps);
      this.variance = Objects.requireNonNull(variance, "variance");
    }
  }

  private DdpmSampler(Options options) {
    super(options, DdpmSampler::new);
  }

  /** All steps, with variance beta_t. */
  public static DdpmSampler withBeta() {
    return of(Variance.BETA, Timesteps.all());
  }

  /** All steps, with the posterior variance. */
  public static DdpmSampler withPosteriorVariance() {
    return of(Variance.POSTERIOR, Timesteps.all());
  }

  /**
   * Some steps; beta between two timesteps is {@code 1 - alphaBar_t / alphaBar_previous} (Nichol
   * and Dhariwal 2021, section 4).
   *
   * @param variance of the reverse step
   * @param timesteps to visit
   */
  public static DdpmSampler of(Variance variance, Timesteps timesteps) {
    return new DdpmSampler(new Options(timesteps, variance));
  }

  @Override
  String described() {
    return ", " + options.variance;
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.down(schedule, Level.CLEAN);
  }

  @Override
  void requireFits(Denoiser model) {
    if (options.variance == Variance.LEARNED_RANGE && !model.learnsVariance()) {
      throw new IllegalArgumentException(
          "variance must not be LEARNED_RANGE for a denoiser that does not learn the variance");
    }
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return this::step;
  }

  private INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    double alphaBar = step.from().alphaBar();
    double alphaBarNext = step.to().alphaBar();
    double alpha = alphaBar / alphaBarNext;
    double beta = 1 - alpha;

    double x0Coefficient = Math.sqrt(alphaBarNext) * beta / (1 - alphaBar);
    double xCoefficient = Math.sqrt(alpha) * (1 - alphaBarNext) / (1 - alphaBar);
    INDArray next = Elements.combine(x0Coefficient, estimate.x0(), xCoefficient, x);
    if (!step.last() && beta > 0) {
      double posterior = beta * (1 - alphaBarNext) / (1 - alphaBar);
      switch (options.variance) {
        case BETA -> Linear.addNoise(next, Math.sqrt(beta), noise);
        case POSTERIOR -> Linear.addNoise(next, Math.sqrt(posterior), noise);
        case LEARNED_RANGE -> {
          double middle = (Math.log(beta) + Math.log(posterior)) / 2;
          double reach = (Math.log(beta) - Math.log(posterior)) / 2;
          INDArray v = Objects.requireNonNull(estimate.variance());
          try (INDArray deviation = v.mul(reach / 2).addi(middle / 2);
              INDArray draw = noise.get()) {
            next.addi(draw.muli(Transforms.exp(deviation, false)));
          }
        }
      }
    }
    return next;
  }
}
