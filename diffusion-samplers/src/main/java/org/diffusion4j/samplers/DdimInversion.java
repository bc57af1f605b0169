package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DDIM inversion (Song et al. 2021, section 4.3): converts samples, the request's start, to the
 * noise from which {@link DdimSampler} with eta 0 and the same timesteps reproduces them.
 */
public final class DdimInversion extends LoopSampler<DdimInversion, DdimInversion.Options> {

  static final class Options extends LoopSampler.Options {

    private double initialAlphaBar = 1;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private DdimInversion(Options options) {
    super(options, DdimInversion::new);
  }

  /**
   * With chosen steps.
   *
   * @param timesteps those of the sampler to invert
   */
  public DdimInversion(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with another alphaBar of the given samples.
   *
   * @param alphaBar in (0, 1]
   */
  public DdimInversion withInitialAlphaBar(double alphaBar) {
    Limits.alphaBar("initial alphaBar", alphaBar);
    return with(o -> o.initialAlphaBar = alphaBar);
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.up(schedule, Level.of(options.initialAlphaBar));
  }

  @Override
  boolean startsFromSamples() {
    return true;
  }

  @Override
  List<Transition> last(NoiseSchedule schedule, double strength) {
    throw new IllegalArgumentException(
        "strength must not be given to DDIM inversion, which adds no noise, but was " + strength);
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return this::step;
  }

  private INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    return Elements.combine(
        step.to().signal(), estimate.x0(), step.to().noise(), estimate.epsilon());
  }
}
