package org.diffusion4j.examples;

import java.util.List;
import java.util.Locale;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.DeisSampler;
import org.diffusion4j.samplers.DpmSolverSampler;
import org.diffusion4j.samplers.EulerAncestralSampler;
import org.diffusion4j.samplers.EulerSampler;
import org.diffusion4j.samplers.HeunSampler;
import org.diffusion4j.samplers.Kdpm2Sampler;
import org.diffusion4j.samplers.LmsSampler;
import org.diffusion4j.samplers.PndmSampler;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.SigmaSpacing;
import org.diffusion4j.samplers.StepSpacing;
import org.diffusion4j.samplers.Timesteps;
import org.diffusion4j.samplers.UniPcSampler;
import org.diffusion4j.samplers.X0Correction;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The samplers that the examples offer, with the clipping that a model's settings ask for. */
enum SamplingMethod {
  DDPM((c, n) -> Samplers.ddpm(c.with("variance_type", "fixed_large"), n)),
  DDPM_POSTERIOR((c, n) -> Samplers.ddpm(c.with("variance_type", "fixed_small"), n)),
  DDIM((c, n) -> ddim(c, n, 0)),
  EULER((c, n) -> new EulerSampler(trailing(n)).withCorrection(clip(c))),
  EULER_ANCESTRAL((c, n) -> new EulerAncestralSampler(trailing(n)).withCorrection(clip(c))),
  HEUN((c, n) -> new HeunSampler(karras(n)).withCorrection(clip(c))),
  KDPM2((c, n) -> new Kdpm2Sampler(trailing(n)).withCorrection(clip(c))),
  LMS((c, n) -> new LmsSampler(trailing(n)).withCorrection(clip(c))),
  PNDM((c, n) -> new PndmSampler(leading(n)).withCorrection(clip(c))),
  DPM_SOLVER((c, n) -> new DpmSolverSampler(trailing(n)).withCorrection(clip(c))),
  UNIPC((c, n) -> new UniPcSampler(trailing(n)).withCorrection(clip(c))),
  DEIS((c, n) -> new DeisSampler(trailing(n)).withCorrection(clip(c)));

  private interface Maker {
    Sampler make(SchedulerConfig config, int steps);
  }

  private final Maker maker;

  SamplingMethod(Maker maker) {
    this.maker = maker;
  }

  /**
   * The sampler for a model.
   *
   * @param config the model's settings
   * @param steps in [1, T]
   */
  Sampler sampler(SchedulerConfig config, int steps) {
    return maker.make(config, steps);
  }

  /**
   * DDIM with the noise taken anew from the clipped pictures: the noise that was predicted beside
   * pictures beyond [-1, 1], as guided ones are, does not fit the clipped ones.
   */
  static Sampler ddim(SchedulerConfig config, int steps, double eta) {
    return Samplers.ddim(config, steps, eta).withEpsilonFromCorrected();
  }

  private static Timesteps trailing(int steps) {
    return Timesteps.of(steps, StepSpacing.TRAILING);
  }

  /**
   * PNDM's own: it takes its first step twice, which goes wrong where there is hardly any signal.
   */
  private static Timesteps leading(int steps) {
    return Timesteps.of(steps, StepSpacing.LEADING);
  }

  /** EDM's levels, for which its algorithm was made: farther apart, a second stage overshoots. */
  private static Timesteps karras(int steps) {
    return Timesteps.of(steps, SigmaSpacing.KARRAS);
  }

  private static X0Correction clip(SchedulerConfig config) {
    return config.flag("clip_sample", true)
        ? X0Correction.clip(config.number("clip_sample_range", 1))
        : X0Correction.none();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Reads the names that {@link #toString} gives. */
  static final class Converter implements ITypeConverter<SamplingMethod> {

    @Override
    public SamplingMethod convert(String value) {
      List<SamplingMethod> all = List.of(values());
      return all.stream()
          .filter(method -> method.toString().equals(value))
          .findAny()
          .orElseThrow(
              () -> new TypeConversionException("must be one of " + all + " but was " + value));
    }
  }
}
