package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Multistep sampling of a consistency model: LCM (Luo et al. 2023), algorithm 3. The model goes to
 * clean samples at once, and noise is added down to the next level. For networks that were
 * distilled for it.
 */
public final class LcmSampler extends LoopSampler {

  private static final int DISTILLED = 50;
  private static final double SIGMA_DATA = 0.5;

  private final Consistency method;

  private LcmSampler(Consistency method) {
    this.method = method;
  }

  /**
   * With evenly spaced ones of the 50 steps of the usual distillation.
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
    this(new Consistency(timesteps, 10, X0Correction.none()));
  }

  /**
   * This sampler with another scale of t in the boundary condition; 10 is the default.
   *
   * @param scale positive; the larger, the less of the noisy samples is kept
   */
  public LcmSampler withTimestepScale(double scale) {
    return new LcmSampler(new Consistency(method.timesteps, scale, method.correction));
  }

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public LcmSampler withCorrection(X0Correction correction) {
    return new LcmSampler(new Consistency(method.timesteps, method.timestepScale, correction));
  }

  @Override
  Method method() {
    return method;
  }

  @Override
  public String toString() {
    return "LcmSampler[" + method.timesteps + ", scale=" + method.timestepScale + "]";
  }

  record Consistency(Timesteps timesteps, double timestepScale, X0Correction correction)
      implements Method {

    Consistency {
      Objects.requireNonNull(timesteps, "timesteps");
      Objects.requireNonNull(correction, "correction");
      if (!(timestepScale > 0 && timestepScale < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "scale of timesteps must be positive but was " + timestepScale);
      }
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return timesteps.down(schedule, Level.CLEAN);
    }

    @Override
    public Run start(List<Transition> steps, NoiseSchedule schedule) {
      return this::step;
    }

    private INDArray step(
        Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      // The boundary condition, section 3: at t = 0 the function is the identity.
      double scaled = timestepScale * step.t();
      double norm = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
      double skip = SIGMA_DATA * SIGMA_DATA / norm;
      double out = scaled / Math.sqrt(norm);
      Level to = step.to();
      INDArray next = Linear.combine(to.signal() * out, estimate.x0(), to.signal() * skip, x);
      return step.last() ? next : Linear.addNoise(next, to.noise(), noise);
    }
  }
}
