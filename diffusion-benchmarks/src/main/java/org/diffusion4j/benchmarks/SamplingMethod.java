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
import org.diffusion4j.samplers.SigmaSpacing;
import org.diffusion4j.samplers.StepSpacing;
import org.diffusion4j.samplers.Timesteps;
import org.diffusion4j.samplers.UniPcSampler;
import org.diffusion4j.samplers.X0Correction;

/** The samplers that are measured, with steps evenly from T-1 down, or EDM's levels for Heun's. */
enum SamplingMethod {
  DDPM((n, clip) -> DdpmSampler.of(Variance.BETA, trailing(n)).withCorrection(clip)),
  DDPM_POSTERIOR((n, clip) -> DdpmSampler.of(Variance.POSTERIOR, trailing(n)).withCorrection(clip)),
  DDIM(
      (n, clip) -> new DdimSampler(trailing(n), 0).withCorrection(clip).withEpsilonFromCorrected()),
  EULER((n, clip) -> new EulerSampler(trailing(n)).withCorrection(clip)),
  EULER_ANCESTRAL((n, clip) -> new EulerAncestralSampler(trailing(n)).withCorrection(clip)),
  HEUN((n, clip) -> new HeunSampler(Timesteps.of(n, SigmaSpacing.KARRAS)).withCorrection(clip)),
  KDPM2((n, clip) -> new Kdpm2Sampler(trailing(n)).withCorrection(clip)),
  LMS((n, clip) -> new LmsSampler(trailing(n)).withCorrection(clip)),
  PNDM((n, clip) -> new PndmSampler(leading(n)).withCorrection(clip)),
  DPM_SOLVER((n, clip) -> new DpmSolverSampler(trailing(n)).withCorrection(clip)),
  UNIPC((n, clip) -> new UniPcSampler(trailing(n)).withCorrection(clip)),
  DEIS((n, clip) -> new DeisSampler(trailing(n)).withCorrection(clip));

  private interface Maker {
    Sampler make(int steps, X0Correction correction);
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
    return maker.make(steps, correction);
  }

  /**
   * PNDM's own: it takes its first step twice, which goes wrong where there is hardly any signal.
   */
  private static Timesteps leading(int steps) {
    return Timesteps.of(steps, StepSpacing.LEADING);
  }

  private static Timesteps trailing(int steps) {
    return Timesteps.of(steps, StepSpacing.TRAILING);
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
