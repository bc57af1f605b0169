package org.diffusion4j.samplers;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Shown;

/**
 * Creates samplers by name, and from diffusers' scheduler configurations with all their settings.
 * Unsupported settings are refused with a message that names them.
 */
public final class Samplers {

  private static final Set<String> VARIANCES =
      Set.of("fixed_small", "fixed_small_log", "fixed_large", "learned_range");

  /** The default of eta in {@code TCDScheduler}. */
  private static final double TCD_ETA = 0.3;

  /** The default length and number of RePaint's jumps, in the paper and in diffusers. */
  private static final int JUMP = 10;

  private Samplers() {}

  /**
   * A sampler by name, with the best spacing for it and without a correction.
   *
   * @param name one of {@link #names()}, or an alias: {@code euler-a}, {@code dpm2}, {@code dpm2-a}
   * @param steps in [1, T]
   * @throws IllegalArgumentException if there is no such sampler; the message lists all
   */
  public static Sampler named(String name, int steps) {
    return named(name, steps, X0Correction.none());
  }

  /**
   * A sampler by name, with the best spacing for it.
   *
   * @param name one of {@link #names()}
   * @param steps in [1, T]
   * @param correction of the clean samples that each step predicts, such as {@link
   *     X0Correction#clip clipping} for pictures
   * @throws IllegalArgumentException if there is no such sampler; the message lists all
   */
  public static Sampler named(String name, int steps, X0Correction correction) {
    return SamplerNames.sampler(name, steps, correction);
  }

  /**
   * The names of the samplers. {@code lcm}, {@code tcd} and {@code consistency} are for distilled
   * and tuned models.
   */
  public static List<String> names() {
    return SamplerNames.all();
  }

  /**
   * The sampler that a configuration describes.
   *
   * <p>Settings that a scheduler does not have in diffusers are ignored and named in a log line. So
   * the settings of one scheduler can be given to another by {@code new SchedulerConfig(other,
   * settings)}, as {@code Other.from_config(scheduler.config)} does in diffusers.
   *
   * @param config of a supported scheduler: see docs/interchange.md
   * @param steps in [1, T]
   * @throws IllegalArgumentException if the class or a setting is not supported
   */
  public static Sampler of(SchedulerConfig config, int steps) {
    String className = config.className();
    if (!SchedulerKeys.classes().contains(className)) {
      throw new IllegalArgumentException(
          "scheduler must be one of "
              + new TreeSet<>(SchedulerKeys.classes())
              + " but was "
              + Shown.text(className));
    }
    Fits fits = new Fits(SchedulerKeys.of(config, className));
    Optional<FittedSampler> solver = fits.solver(steps);
    return solver.isPresent() ? solver.get() : fits.withSteps(ofKnown(fits.config(), steps), steps);
  }

  /**
   * Fits a solver with few steps to a denoiser: noise levels and coefficients with which it ends
   * where solutions of the probability flow in many steps end that start from the same noise. It
   * calls the denoiser with the samples of a request: 64 times for the solutions, and for each of a
   * few iterations about {@code 2 steps^2} times. The result is for this denoiser alone, with its
   * guidance if it has any; others of the same shape, prediction and schedule are not told from it.
   * It needs memory for about 260 arrays of the size of all these samples.
   *
   * @param config settings of the denoiser, including the correction, of any scheduler
   * @param steps in [1, 32]
   * @param model the denoiser
   * @param trajectories number, noise and condition of the samples; 64 to 256 suffice, which should
   *     have all conditions that matter
   * @return the settings with the solver, which {@link #of} uses for this number of steps; saved
   *     with the model
   * @throws IllegalArgumentException if an argument does not fit
   */
  public static SchedulerConfig fitSolver(
      SchedulerConfig config, int steps, Denoiser model, SamplingRequest trajectories) {
    return new Fits(config).withSolver(steps, model, trajectories);
  }

  /**
   * Fits the steps of a configuration's sampler to a denoiser: noise levels with which it ends
   * where solutions of the probability flow in many steps end. They are chosen by the curvature of
   * the solutions (GITS, Chen et al. 2024), and then improved for the sampler.
   *
   * @param config of a scheduler that takes noise levels: not DDPM, DDIM, PNDM, LCM, TCD
   * @param steps in [1, 32]
   * @param model the denoiser
   * @param trajectories as for {@link #fitSolver}
   * @return the settings with the steps, which {@link #of} uses for this number of steps
   * @throws IllegalArgumentException if an argument does not fit
   */
  public static SchedulerConfig fitSteps(
      SchedulerConfig config, int steps, Denoiser model, SamplingRequest trajectories) {
    SchedulerConfig plain = config.with(Fits.STEPS, null).with(Fits.SOLVERS, null);
    LoopSampler<?, ?> sampler = (LoopSampler<?, ?>) of(plain, steps);
    return new Fits(config).withSteps(sampler, steps, model, trajectories);
  }

  private static LoopSampler<?, ?> ofKnown(SchedulerConfig config, int steps) {
    return switch (config.className()) {
      case "DDPMScheduler", "DDPMParallelScheduler" -> ddpm(config, steps);
      case "DDIMScheduler", "DDIMParallelScheduler" -> ddim(config, steps, 0);
      case "DDIMInverseScheduler" -> ddimInversion(config, steps);
      case "RePaintScheduler" -> repaint(config, steps, config.number("eta", 0));
      case "PNDMScheduler" -> pndm(config, steps);
      case "EulerDiscreteScheduler" -> euler(config, steps);
      case "EulerAncestralDiscreteScheduler" -> {
        SchedulerSettings settings = new SchedulerSettings(config);
        yield new EulerSampler(settings.nodes(steps, SigmaTime.BETWEEN)).withAncestralNoise();
      }
      case "HeunDiscreteScheduler" ->
          new HeunSampler(nodes(config, steps, SigmaTime.BETWEEN))
              .withCorrection(correction(config, false));
      case "LMSDiscreteScheduler" -> new LmsSampler(nodes(config, steps, SigmaTime.BETWEEN));
      case "KDPM2DiscreteScheduler" -> new Kdpm2Sampler(nodes(config, steps, SigmaTime.NEAREST));
      case "KDPM2AncestralDiscreteScheduler" ->
          new Kdpm2Sampler(nodes(config, steps, SigmaTime.NEAREST)).withAncestralNoise();
      case "DPMSolverMultistepScheduler" -> SolverSamplers.multistep(config, steps);
      case "DPMSolverSinglestepScheduler" -> SolverSamplers.singlestep(config, steps);
      case "UniPCMultistepScheduler" -> SolverSamplers.uniPc(config, steps);
      case "DEISMultistepScheduler" -> SolverSamplers.deis(config, steps);
      case "DPMSolverSDEScheduler" -> dpmSde(config, steps);
      case "SASolverScheduler" -> SolverSamplers.saSolver(config, steps);
      case "UnCLIPScheduler" -> unClip(config, steps);
      case "EDMEulerScheduler",
          "EDMDPMSolverMultistepScheduler",
          "CMStochasticIterativeScheduler",
          "ScoreSdeVeScheduler",
          "IPNDMScheduler",
          "FlowMatchEulerDiscreteScheduler",
          "FlowMatchHeunDiscreteScheduler" ->
          ProcessSamplers.of(config, steps);
      case "LCMScheduler" -> lcm(config, steps);
      case "TCDScheduler" -> tcdSampler(config, steps, TCD_ETA);
      default -> throw new IllegalStateException(config.className());
    };
  }

  /**
   * DDPM with a configuration's variance, steps and correction.
   *
   * @param given of any scheduler
   * @param steps in [1, T]
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdpmSampler ddpm(SchedulerConfig given, int steps) {
    SchedulerConfig config = SchedulerKeys.of(given, "DDPMScheduler");
    return DdpmSampler.of(variance(config), timesteps(config, steps))
        .withCorrection(correction(config, true));
  }

  /**
   * DDIM with a configuration's steps and correction.
   *
   * @param given of any scheduler
   * @param steps in [1, T]
   * @param eta in [0, 1]
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdimSampler ddim(SchedulerConfig given, int steps, double eta) {
    SchedulerConfig config = SchedulerKeys.of(given, "DDIMScheduler");
    return new DdimSampler(timesteps(config, steps), eta)
        .withCorrection(correction(config, true))
        .withPredictedEpsilon()
        .withFinalAlphaBar(finalAlphaBar(config, true));
  }

  /**
   * DDIM inversion with a configuration's steps and correction.
   *
   * @param given of any scheduler
   * @param steps in [1, T]
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdimInversion ddimInversion(SchedulerConfig given, int steps) {
    SchedulerConfig config = SchedulerKeys.of(given, "DDIMInverseScheduler");
    return new DdimInversion(timesteps(config, steps))
        .withCorrection(correction(config, true))
        .withInitialAlphaBar(finalAlphaBar(config, true));
  }

  /**
   * RePaint (Lugmayr et al. 2022) as diffusers has it, with a configuration's steps and correction,
   * jumps of 10 steps and 10 visits: {@link DdimSampler#withJumps} changes these. The request has
   * the {@linkplain org.diffusion4j.SamplingRequest.Builder#known known part}.
   *
   * @param given of any scheduler
   * @param steps in [1, T]
   * @param eta in [0, 1]; 1 in the paper, 0 by default in diffusers
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdimSampler repaint(SchedulerConfig given, int steps, double eta) {
    SchedulerConfig config = SchedulerKeys.of(given, "RePaintScheduler");
    return new DdimSampler(timesteps(config, steps), eta)
        .withCorrection(correction(config, true))
        .withPredictedEpsilon()
        .withPublishedJumps()
        .withJumps(JUMP, JUMP);
  }

  private static PndmSampler pndm(SchedulerConfig config, int steps) {
    PndmSampler sampler =
        new PndmSampler(timesteps(config, steps))
            .withFinalAlphaBar(finalAlphaBar(config, false))
            .withCutCalls();
    if (!config.flag("skip_prk_steps", false)) {
      sampler = sampler.withRungeKuttaStart();
    }
    return config.prediction() == Prediction.VELOCITY ? sampler.withCombinedVelocities() : sampler;
  }

  /** DDPM with evenly spaced steps from T-1 to 0: Ramesh et al. 2022. */
  private static DdpmSampler unClip(SchedulerConfig config, int steps) {
    Timesteps linspace = Timesteps.of(steps, Timesteps.Spacing.LINSPACE);
    return DdpmSampler.of(variance(config), linspace.withLambdaMin(Double.NEGATIVE_INFINITY))
        .withCorrection(correction(config, true));
  }

  private static DpmSdeSampler dpmSde(SchedulerConfig config, int steps) {
    DpmSdeSampler sampler = new DpmSdeSampler(nodes(config, steps, SigmaTime.BETWEEN));
    Object seed = config.settings().get("noise_sampler_seed");
    if (seed == null) {
      return sampler;
    }
    if (!(seed instanceof Number number)
        || number.doubleValue() != Math.rint(number.doubleValue())
        || number.doubleValue() < 0
        || (!(number instanceof Long) && number.doubleValue() >= 0x1p63)) {
      throw new IllegalArgumentException(
          "noise_sampler_seed must be a whole number in [0, 2^63) but was " + Shown.text(seed));
    }
    return sampler.withNoiseOfTorch(number.longValue());
  }

  private static EulerSampler euler(SchedulerConfig config, int steps) {
    SchedulerSettings settings = new SchedulerSettings(config);
    boolean continuous =
        config
                .oneOf("timestep_type", "discrete", Set.of("discrete", "continuous"))
                .equals("continuous")
            && config.prediction() == Prediction.VELOCITY;
    SigmaTime time = continuous ? SigmaTime.QUARTER_LOG : SigmaTime.BETWEEN;
    boolean logLinear =
        config
            .oneOf("interpolation_type", "linear", Set.of("linear", "log_linear"))
            .equals("log_linear");
    boolean spaced = settings.spacesSigmas();
    // Log-linear levels are those of the schedule for any timesteps; other levels lie between them.
    Timesteps timesteps =
        logLinear && spaced
            ? new SchedulerSettings(config.with("timestep_spacing", "linspace")).nodes(steps, time)
            : settings.nodes(steps, time);
    EulerSampler sampler = new EulerSampler(timesteps).withFinalSigma(settings.finalSigma());
    return logLinear && !spaced ? sampler.withLogLinearLevels() : sampler;
  }

  private static Timesteps nodes(SchedulerConfig config, int steps, SigmaTime time) {
    return new SchedulerSettings(config).nodes(steps, time);
  }

  private static LcmSampler lcm(SchedulerConfig config, int steps) {
    return new LcmSampler(distilled(config, steps))
        .withTimestepScale(config.number("timestep_scaling", 10))
        .withCorrection(correction(config, false));
  }

  /**
   * Strategic stochastic sampling of a trajectory consistency model (TCD, Zheng et al. 2024,
   * algorithm 4) with a configuration's steps. For networks that were distilled for this method.
   *
   * @param config of a {@code TCDScheduler}
   * @param steps in [1, original_inference_steps]
   * @param eta how far each step goes below the next timestep, in [0, 1]: 0 is deterministic, 1
   *     goes to the clean samples; gamma in the paper
   */
  public static Sampler tcd(SchedulerConfig config, int steps, double eta) {
    return tcdSampler(config, steps, eta);
  }

  private static TcdSampler tcdSampler(SchedulerConfig config, int steps, double eta) {
    return new TcdSampler(distilled(config, steps), eta);
  }

  private static Timesteps distilled(SchedulerConfig config, int steps) {
    new SchedulerSettings(config).requireOff(SchedulerSettings.FLOW_FLAGS);
    return Timesteps.distilled(steps, config.integer("original_inference_steps", 50));
  }

  static DdpmSampler.Variance variance(SchedulerConfig config) {
    return switch (config.oneOf("variance_type", "fixed_small", VARIANCES)) {
      case "fixed_large" -> DdpmSampler.Variance.BETA;
      case "learned_range" -> DdpmSampler.Variance.LEARNED_RANGE;
      default -> DdpmSampler.Variance.POSTERIOR;
    };
  }

  /**
   * Checks that a sampler can start from given samples with a strength ({@link
   * org.diffusion4j.SamplingRequest.Builder#start(org.nd4j.linalg.api.ndarray.INDArray, double)}),
   * before what is expensive. A sampler of another library is not checked.
   *
   * @param strength in [0, 1]; 0 asks for no step
   * @throws IllegalArgumentException if it leaves no step, or if the sampler adds no noise
   */
  public static void requireStrength(Sampler sampler, NoiseSchedule schedule, double strength) {
    if (sampler instanceof LoopSampler<?, ?> method
        && (strength > 0 || method.startsFromSamples())) {
      method.last(schedule, strength);
    }
  }

  /**
   * The correction of predicted samples in a configuration: dynamic thresholding, clipping (the
   * default) or none.
   *
   * @param config of any scheduler
   */
  public static X0Correction correction(SchedulerConfig config) {
    return correction(config, true);
  }

  static X0Correction correction(SchedulerConfig config, boolean clipsByDefault) {
    if (config.flag("thresholding", false)) {
      return X0Correction.dynamicThreshold(
          config.number("dynamic_thresholding_ratio", 0.995), config.number("sample_max_value", 1));
    }
    return config.flag("clip_sample", clipsByDefault)
        ? X0Correction.clip(config.number("clip_sample_range", 1))
        : X0Correction.none();
  }

  static Timesteps timesteps(SchedulerConfig config, int steps) {
    return new SchedulerSettings(config)
        .requireOff(SchedulerSettings.FLOW_FLAGS)
        .spaced(steps, "leading");
  }

  static double finalAlphaBar(SchedulerConfig config, boolean oneByDefault) {
    return config.flag("set_alpha_to_one", oneByDefault) ? 1 : config.schedule().alphaBar(0);
  }
}
