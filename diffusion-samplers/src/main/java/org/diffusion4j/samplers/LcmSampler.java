package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Multistep sampling of a consistency model: LCM (Luo et al. 2023), algorithm 3. Each step predicts
 * clean samples and adds noise of the next level. For networks that were distilled for this method.
 */
public final class LcmSampler extends LoopSampler<LcmSampler, LcmSampler.Options> {

  private static final int DISTILLED = 50;
  private static final double SIGMA_DATA = 0.5;

  static final class Options extends LoopSampler.Options {

    private double timestepScale = 10;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private LcmSampler(Options options) {
    super(options, LcmSampler::new);
  }

  /**
   * With evenly spaced steps among the usual 50 of the distillation.
   *
   * @param steps in [1, 50]
   */
  public LcmSampler(int steps) {
    this(Timesteps.distilled(steps, DISTILLED));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit
   */
  public LcmSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with another scale of t in the boundary condition; 10 is the default.
   *
   * @param scale positive; with larger values less of the noisy samples is kept
   */
  public LcmSampler withTimestepScale(double scale) {
    if (!(scale > 0 && scale < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("scale of timesteps must be positive but was " + scale);
    }
    return with(o -> o.timestepScale = scale);
  }

  @Override
  String described() {
    return ", scale=" + options.timestepScale;
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    Limits.discrete(schedule, this);
    return options.timesteps.down(schedule, Level.CLEAN);
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return this::step;
  }

  private INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    // The boundary condition, section 3: at t = 0 the function is the identity.
    double scaled = options.timestepScale * step.t();
    double norm = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
    double skip = SIGMA_DATA * SIGMA_DATA / norm;
    double out = scaled / Math.sqrt(norm);
    Level to = step.to();
    INDArray next = Elements.combine(to.signal() * out, estimate.x0(), to.signal() * skip, x);
    return step.last() ? next : Linear.addNoise(next, to.noise(), noise);
  }
}
