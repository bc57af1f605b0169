package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DDIM backwards (Song et al. 2021, section 4.3): takes samples, the request's start, to the noise
 * from which {@link DdimSampler} with eta 0 and the same timesteps makes them.
 */
public final class DdimInversion extends LoopSampler {

  private final Inverse method;

  private DdimInversion(Inverse method) {
    this.method = method;
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit, those of the sampler to be inverted
   */
  public DdimInversion(Timesteps timesteps) {
    this(new Inverse(timesteps, X0Correction.none(), 1));
  }

  /** This method with a correction of the predicted clean samples, such as clipping. */
  public DdimInversion withCorrection(X0Correction correction) {
    return new DdimInversion(new Inverse(method.timesteps, correction, method.initialAlphaBar));
  }

  /**
   * This method with another share of signal in the samples that it is given.
   *
   * @param alphaBar in (0, 1]
   */
  public DdimInversion withInitialAlphaBar(double alphaBar) {
    return new DdimInversion(new Inverse(method.timesteps, method.correction, alphaBar));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "DdimInversion[" + method.timesteps + "]";
  }

  record Inverse(Timesteps timesteps, X0Correction correction, double initialAlphaBar)
      implements Method {

    Inverse {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
      if (!(initialAlphaBar > 0 && initialAlphaBar <= 1)) {
        throw new IllegalArgumentException(
            "initial alphaBar must be in (0, 1] but was " + initialAlphaBar);
      }
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.up(schedule, Level.of(initialAlphaBar));
    }

    @Override
    public boolean startsFromSamples() {
      return true;
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return this::step;
    }

    private INDArray step(
        Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      return Linear.combine(
          step.to().signal(), estimate.x0(), step.to().noise(), estimate.epsilon());
    }
  }
}
