package org.diffusion4j.samplers;

import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DDIM backwards (Song et al. 2021, section 4.3): takes samples, the request's start, to the noise
 * from which {@link DdimSampler} with eta 0 and the same timesteps makes them.
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
   * @param timesteps to visit, those of the sampler to be inverted
   */
  public DdimInversion(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * This method with another share of signal in the samples that it is given.
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
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return this::step;
  }

  private INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    return Linear.combine(step.to().signal(), estimate.x0(), step.to().noise(), estimate.epsilon());
  }
}
