package org.diffusion4j.samplers;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.Timesteps.FinalSigma;

/** The samplers of diffusers' DPM-Solver, UniPC and DEIS schedulers. */
final class SolverSamplers {

  private static final Set<String> DPM_ALGORITHMS =
      Set.of(
          "dpmsolver",
          "dpmsolver++",
          "sde-dpmsolver",
          "sde-dpmsolver++",
          "deis",
          "data_prediction",
          "noise_prediction");

  /**
   * The solver types with which a configuration of one of these schedulers is read as one of
   * another.
   */
  private static final Set<String> SOLVER_TYPES =
      Set.of("midpoint", "heun", "logrho", "bh1", "bh2");

  private SolverSamplers() {}

  static DpmSolverSampler multistep(SchedulerConfig config, int steps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    // diffusers does not round for the cosine schedule; the conversion to integers rounds down.
    boolean cosine =
        !settings.isGiven("trained_betas")
            && config.text("beta_schedule", "linear").equals("squaredcos_cap_v2");
    SigmaTime time = cosine ? SigmaTime.LOWER : SigmaTime.NEAREST;
    return multistep(config, settings.intervals(steps, time));
  }

  static DpmSolverSampler multistep(SchedulerConfig config, Timesteps timesteps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    DpmSolverSampler sampler =
        new DpmSolverSampler(timesteps)
            .withAlgorithm(algorithm(config))
            .withOrder(config.integer("solver_order", 2))
            .withFinalSigma(settings.finalSigma())
            .withPublishedThirdOrder()
            .withCorrection(Samplers.correction(config, false));
    if (isHeun(config)) {
      sampler = sampler.withHeunSteps();
    }
    if (!config.flag("lower_order_final", true)) {
      sampler = sampler.withFullOrderAtEnd();
    }
    return config.flag("euler_at_final", false) ? sampler.withEulerAtEnd() : sampler;
  }

  static DpmSolverSinglestepSampler singlestep(SchedulerConfig config, int steps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    DpmSolverSinglestepSampler sampler =
        new DpmSolverSinglestepSampler(settings.intervals(steps, SigmaTime.NEAREST))
            .withAlgorithm(algorithm(config))
            .withOrder(config.integer("solver_order", 2))
            .withFinalSigma(settings.finalSigma())
            .withCorrection(Samplers.correction(config, false));
    if (isHeun(config)) {
      sampler = sampler.withHeunSteps();
    }
    return config.flag("lower_order_final", false) ? sampler.withLowerOrderAtEnd() : sampler;
  }

  static UniPcSampler uniPc(SchedulerConfig config, int steps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    if (settings.isGiven("solver_p")) {
      throw new IllegalArgumentException("solver_p must be null for UniPCMultistepScheduler");
    }
    boolean bh1 = config.oneOf("solver_type", "bh2", SOLVER_TYPES).equals("bh1");
    UniPcSampler sampler =
        new UniPcSampler(settings.intervals(steps, SigmaTime.NEAREST))
            .withOrder(config.integer("solver_order", 2))
            .withVariant(bh1 ? UniPcSampler.Variant.BH1 : UniPcSampler.Variant.BH2)
            .withoutCorrector(uncorrected(config))
            .withFinalSigma(settings.finalSigma())
            .withCorrection(Samplers.correction(config, false));
    if (!config.flag("predict_x0", true)) {
      settings.requireOff("thresholding");
      requireEnd(settings, "predict_x0 false");
      sampler = sampler.withEpsilon();
    }
    // A step that ends at noise level 0 must be of order 1. diffusers divides by 0 instead.
    boolean lower =
        config.flag("lower_order_final", true) || settings.finalSigma() == FinalSigma.ZERO;
    return lower ? sampler : sampler.withFullOrderAtEnd();
  }

  /** Noise predictions cannot be integrated up to noise level 0. */
  private static void requireEnd(SchedulerSettings settings, String setting) {
    if (settings.finalSigma() == FinalSigma.ZERO) {
      throw new IllegalArgumentException(
          "final_sigmas_type must be sigma_min with " + setting + " but was zero");
    }
  }

  private static Set<Integer> uncorrected(SchedulerConfig config) {
    Set<Integer> steps = new HashSet<>();
    Object list = config.settings().get("disable_corrector");
    if (list != null) {
      for (Object step : list instanceof List<?> given ? given : List.of(list)) {
        if (!(step instanceof Number number) || number.intValue() != number.doubleValue()) {
          throw new IllegalArgumentException(
              "disable_corrector must be a list of whole numbers but was " + Shown.text(list));
        }
        steps.add(number.intValue());
      }
    }
    return steps;
  }

  static DeisSampler deis(SchedulerConfig config, int steps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    config.oneOf("algorithm_type", "deis", DPM_ALGORITHMS);
    config.oneOf("solver_type", "logrho", SOLVER_TYPES);
    DeisSampler sampler =
        new DeisSampler(settings.intervals(steps, SigmaTime.NEAREST))
            .withOrder(config.integer("solver_order", 2))
            .withCorrection(Samplers.correction(config, false));
    return config.flag("lower_order_final", true) ? sampler : sampler.withFullOrderAtEnd();
  }

  static SaSolverSampler saSolver(SchedulerConfig config, int steps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    if (settings.isGiven("tau_func")) {
      throw new IllegalArgumentException("tau_func must be null for SASolverScheduler");
    }
    boolean inEpsilon =
        config
            .oneOf("algorithm_type", "data_prediction", DPM_ALGORITHMS)
            .equals("noise_prediction");
    SaSolverSampler sampler =
        new SaSolverSampler(settings.intervals(steps, SigmaTime.NEAREST))
            .withTau(new SaSolverSampler.Tau(1, 200, 800, true))
            .withOrders(config.integer("predictor_order", 2), config.integer("corrector_order", 2))
            .withPublishedSecondOrder()
            .withCorrection(Samplers.correction(config, false));
    if (inEpsilon) {
      sampler = sampler.withEpsilon();
    }
    return config.flag("lower_order_final", true) ? sampler : sampler.withFullOrderAtEnd();
  }

  private static Algorithm algorithm(SchedulerConfig config) {
    String name = config.oneOf("algorithm_type", "dpmsolver++", DPM_ALGORITHMS);
    if (name.endsWith("dpmsolver")) {
      requireEnd(new SchedulerSettings(config), "algorithm_type " + name);
    }
    return switch (name) {
      case "dpmsolver" -> Algorithm.DPM_SOLVER;
      case "sde-dpmsolver" -> Algorithm.SDE_DPM_SOLVER;
      case "sde-dpmsolver++" -> Algorithm.SDE_DPM_SOLVER_PLUS_PLUS;
      default -> Algorithm.DPM_SOLVER_PLUS_PLUS;
    };
  }

  private static boolean isHeun(SchedulerConfig config) {
    return config.oneOf("solver_type", "midpoint", SOLVER_TYPES).equals("heun");
  }
}
