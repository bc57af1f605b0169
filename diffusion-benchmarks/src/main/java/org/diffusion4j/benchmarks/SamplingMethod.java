package org.diffusion4j.benchmarks;

import java.util.Locale;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.DdpmSampler;
import org.diffusion4j.samplers.DdpmSampler.Variance;
import org.diffusion4j.samplers.DeisSampler;
import org.diffusion4j.samplers.DpmSolverSampler;
import org.diffusion4j.samplers.EulerAncestralSampler;
import org.diffusion4j.samplers.EulerSampler;
import org.diffusion4j.samplers.HeunSampler;
import org.diffusion4j.samplers.Kdpm2Sampler;
import org.diffusion4j.samplers.LmsSampler;
import org.diffusion4j.samplers.PndmSampler;
import org.diffusion4j.samplers.StepSpacing;
import org.diffusion4j.samplers.Timesteps;
import org.diffusion4j.samplers.UniPcSampler;
import org.diffusion4j.samplers.X0Correction;

/** The samplers that are measured, all with their steps evenly from T-1 down. */
enum SamplingMethod {
  DDPM((t, clip) -> DdpmSampler.of(Variance.BETA, t).withCorrection(clip)),
  DDPM_POSTERIOR((t, clip) -> DdpmSampler.of(Variance.POSTERIOR, t).withCorrection(clip)),
  DDIM((t, clip) -> new DdimSampler(t, 0).withCorrection(clip)),
  EULER((t, clip) -> new EulerSampler(t).withCorrection(clip)),
  EULER_ANCESTRAL((t, clip) -> new EulerAncestralSampler(t).withCorrection(clip)),
  HEUN((t, clip) -> new HeunSampler(t).withCorrection(clip)),
  KDPM2((t, clip) -> new Kdpm2Sampler(t).withCorrection(clip)),
  LMS((t, clip) -> new LmsSampler(t).withCorrection(clip)),
  PNDM((t, clip) -> new PndmSampler(t).withCorrection(clip)),
  DPM_SOLVER((t, clip) -> new DpmSolverSampler(t).withCorrection(clip)),
  UNIPC((t, clip) -> new UniPcSampler(t).withCorrection(clip)),
  DEIS((t, clip) -> new DeisSampler(t).withCorrection(clip));

  private interface Maker {
    Sampler make(Timesteps timesteps, X0Correction correction);
  }

  private final Maker maker;

  SamplingMethod(Maker maker) {
    this.maker = maker;
  }

  /**
   * The sampler of a number of steps.
   *
   * @param steps in [1, T]
   * @param correction of the clean samples that it predicts
   */
  Sampler sampler(int steps, X0Correction correction) {
    return maker.make(Timesteps.of(steps, StepSpacing.TRAILING), correction);
  }

  /** The clipping that a model's settings ask for. */
  static X0Correction clipping(SchedulerConfig config) {
    return config.flag("clip_sample", true)
        ? X0Correction.clip(config.number("clip_sample_range", 1))
        : X0Correction.none();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
