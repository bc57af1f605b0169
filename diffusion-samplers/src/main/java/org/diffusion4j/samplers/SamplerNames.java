package org.diffusion4j.samplers;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.Sampler;
import org.diffusion4j.internal.common.Shown;

/** Creates samplers by name, each with the best spacing for it. */
final class SamplerNames {

  /** Creates a sampler from a number of steps and a correction. */
  private interface Maker {
    Sampler make(int steps, X0Correction correction);
  }

  private static final Map<String, Maker> MAKERS = new LinkedHashMap<>();

  /** Names that other programs use for some of them. */
  private static final Map<String, String> ALIASES =
      Map.of(
          "euler-a", "euler-ancestral",
          "dpm2", "kdpm2",
          "dpm2-a", "kdpm2-ancestral",
          "dpm-solver", "dpm++2m");

  static {
    MAKERS.put(
        "ddpm", (n, c) -> DdpmSampler.of(DdpmSampler.Variance.BETA, trailing(n)).withCorrection(c));
    MAKERS.put(
        "ddpm-posterior",
        (n, c) -> DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, trailing(n)).withCorrection(c));
    MAKERS.put("ddim", (n, c) -> new DdimSampler(n).withCorrection(c));
    MAKERS.put("euler", (n, c) -> new EulerSampler(n).withCorrection(c));
    MAKERS.put(
        "euler-ancestral", (n, c) -> new EulerSampler(n).withAncestralNoise().withCorrection(c));
    MAKERS.put("heun", (n, c) -> new HeunSampler(n).withCorrection(c));
    MAKERS.put("kdpm2", (n, c) -> new Kdpm2Sampler(n).withCorrection(c));
    MAKERS.put(
        "kdpm2-ancestral", (n, c) -> new Kdpm2Sampler(n).withAncestralNoise().withCorrection(c));
    MAKERS.put("lms", (n, c) -> new LmsSampler(n).withCorrection(c));
    MAKERS.put("pndm", (n, c) -> new PndmSampler(n).withCorrection(c));
    MAKERS.put("dpm++2m", (n, c) -> new DpmSolverSampler(n).withCorrection(c));
    MAKERS.put(
        "dpm++2m-sde",
        (n, c) ->
            new DpmSolverSampler(n)
                .withAlgorithm(DpmSolverSampler.Algorithm.SDE_DPM_SOLVER_PLUS_PLUS)
                .withCorrection(c));
    MAKERS.put("dpm++3m", (n, c) -> new DpmSolverSampler(n).withOrder(3).withCorrection(c));
    MAKERS.put("dpm++2s", (n, c) -> new DpmSolverSinglestepSampler(n).withCorrection(c));
    MAKERS.put("unipc", (n, c) -> new UniPcSampler(n).withCorrection(c));
    MAKERS.put("deis", (n, c) -> new DeisSampler(n).withCorrection(c));
    MAKERS.put("dpm++-sde", (n, c) -> new DpmSdeSampler(trailing(n)).withCorrection(c));
    MAKERS.put("sa", (n, c) -> new SaSolverSampler(trailing(n)).withCorrection(c));
    MAKERS.put("ipndm", (n, c) -> new PndmSampler(n).withLowerOrderStart().withCorrection(c));
    MAKERS.put("flow", (n, c) -> FlowSampler.euler(FlowSteps.evenly(n)).withCorrection(c));
    MAKERS.put("flow-heun", (n, c) -> FlowSampler.heun(FlowSteps.evenly(n)).withCorrection(c));
    MAKERS.put(
        "pc",
        (n, c) ->
            new PredictorCorrectorSampler(Timesteps.of(n, Timesteps.Spacing.EXPONENTIAL))
                .withCorrection(c));
    MAKERS.put("lcm", (n, c) -> new LcmSampler(n).withCorrection(c));
    MAKERS.put("consistency", (n, c) -> new ConsistencySampler(trailing(n)).withCorrection(c));
    MAKERS.put("tcd", (n, c) -> new TcdSampler(n).withCorrection(c));
  }

  private SamplerNames() {}

  private static Timesteps trailing(int steps) {
    return Timesteps.of(steps, Timesteps.Spacing.TRAILING);
  }

  static List<String> all() {
    return List.copyOf(MAKERS.keySet());
  }

  static Sampler sampler(String name, int steps, X0Correction correction) {
    Maker maker = MAKERS.get(ALIASES.getOrDefault(name, name));
    if (maker == null) {
      throw new IllegalArgumentException(
          "sampler must be one of "
              + String.join(", ", MAKERS.keySet())
              + " but was "
              + Shown.text(name));
    }
    return maker.make(steps, correction);
  }
}
