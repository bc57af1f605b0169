package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Denoising diffusion implicit models: DDIM (Song et al. 2021), equation 12. Needs fewer steps than
 * DDPM. With {@linkplain #withJumps jumps} it is RePaint.
 */
public final class DdimSampler extends LoopSampler<DdimSampler, DdimSampler.Options> {

  static final class Options extends LoopSampler.Options {

    private final double eta;
    private boolean corrects;
    private boolean predictedEpsilon;
    private double finalAlphaBar = 1;
    private Jumps jumps = Jumps.NONE;

    private Options(Timesteps timesteps, double eta) {
      super(timesteps);
      this.eta = Limits.unitInterval("eta", eta);
    }
  }

  private DdimSampler(Options options) {
    super(options, DdimSampler::new);
  }

  /**
   * Deterministic, with trailing steps from T-1 down.
   *
   * @param steps in [1, T]
   */
  public DdimSampler(int steps) {
    this(steps, 0);
  }

  /**
   * With trailing steps from T-1 down.
   *
   * @param steps in [1, T]
   * @param eta randomness in [0, 1]: 0 is deterministic, 1 is DDPM with the posterior variance
   */
  public DdimSampler(int steps, double eta) {
    this(Timesteps.of(steps, Timesteps.Spacing.TRAILING), eta);
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit
   * @param eta randomness, in [0, 1]
   */
  public DdimSampler(Timesteps timesteps, double eta) {
    this(new Options(timesteps, eta));
  }

  /**
   * A copy with a correction of the predicted clean samples, such as clipping. The noise is
   * recomputed from the corrected samples, as in GLIDE: if predicted samples are out of range, as
   * with guidance, the predicted noise does not fit the corrected samples.
   */
  @Override
  public DdimSampler withCorrection(X0Correction correction) {
    return super.withCorrection(correction).with(o -> o.corrects = true);
  }

  /** A copy that uses the predicted noise also with a correction, as diffusers does. */
  public DdimSampler withPredictedEpsilon() {
    return with(o -> o.predictedEpsilon = true);
  }

  /** A copy that recomputes the noise from the corrected samples; this is the default. */
  public DdimSampler withEpsilonFromCorrected() {
    return with(o -> o.predictedEpsilon = false);
  }

  /**
   * A copy with another alphaBar at the end of the last step.
   *
   * @param alphaBar in (0, 1]; for checkpoints with {@code set_alpha_to_one=false} use the
   *     schedule's {@code alphaBar(0)}
   */
  public DdimSampler withFinalAlphaBar(double alphaBar) {
    Limits.alphaBar("final alphaBar", alphaBar);
    return with(o -> o.finalAlphaBar = alphaBar);
  }

  /**
   * A copy that jumps back as RePaint does (Lugmayr et al. 2022), for samples of which a part is
   * {@linkplain org.diffusion4j.SamplingRequest.Builder#known known}: each stretch of {@code
   * length} steps but the first is taken {@code visits} times, each time after the noise of its
   * beginning was added again. RePaint is this method with eta 1, 250 steps, length 10 and 10
   * visits. It calls the denoiser about {@code visits} times as often; a {@link
   * org.diffusion4j.SamplingListener} is told of each call.
   *
   * @param length of a jump in steps, at least 1
   * @param visits at least 1; 1 for no jumps
   */
  public DdimSampler withJumps(int length, int visits) {
    return with(o -> o.jumps = new Jumps(length, visits, o.jumps.published()));
  }

  /** A copy whose jumps add the noise that diffusers adds. */
  DdimSampler withPublishedJumps() {
    return with(o -> o.jumps = new Jumps(o.jumps.length(), o.jumps.visits(), true));
  }

  @Override
  String described() {
    return ", eta=" + options.eta + options.jumps;
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.jumps.over(steps(schedule));
  }

  @Override
  List<Transition> last(NoiseSchedule schedule, double strength) {
    List<Transition> steps = steps(schedule);
    int remaining = remaining(steps.size(), strength);
    return options.jumps.over(steps.subList(steps.size() - remaining, steps.size()));
  }

  private List<Transition> steps(NoiseSchedule schedule) {
    return options.timesteps.down(schedule, Level.of(options.finalAlphaBar));
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    if (options.jumps.visits() == 1) {
      return this::step;
    }
    int stride = steps.size() == 1 ? 1 : (int) (steps.get(0).t() - steps.get(1).t());
    return options.jumps.run(this::step, schedule, stride);
  }

  private INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    double alphaBar = step.from().alphaBar();
    double alphaBarNext = step.to().alphaBar();
    double variance = (1 - alphaBarNext) / (1 - alphaBar) * (1 - alphaBar / alphaBarNext);
    // Negative if the last step leaves more noise than there was before.
    double sigma = options.eta * Math.sqrt(Math.max(variance, 0));

    double x0Coefficient = Math.sqrt(alphaBarNext);
    double epsilonCoefficient = Math.sqrt(Math.max(1 - alphaBarNext - sigma * sigma, 0));
    INDArray next;
    if (options.corrects && !options.predictedEpsilon) {
      // epsilon = (x - sqrt(alphaBar) x0) / sqrt(1 - alphaBar)
      double root = Math.sqrt(1 - alphaBar);
      next =
          Elements.combine(
              x0Coefficient - epsilonCoefficient * Math.sqrt(alphaBar) / root,
              estimate.x0(),
              epsilonCoefficient / root,
              x);
    } else {
      next = Elements.combine(x0Coefficient, estimate.x0(), epsilonCoefficient, estimate.epsilon());
    }
    if (sigma > 0) {
      Linear.addNoise(next, sigma, noise);
    }
    return next;
  }
}
