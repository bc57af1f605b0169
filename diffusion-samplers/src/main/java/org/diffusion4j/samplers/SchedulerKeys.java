package org.diffusion4j.samplers;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The settings that each of diffusers' schedulers uses. diffusers ignores others, for example after
 * {@code Other.from_config(scheduler.config)}; so does this library.
 */
final class SchedulerKeys {

  private static final Logger LOG = LoggerFactory.getLogger(Samplers.class);

  private static final List<String> SPACING = List.of("timestep_spacing", "steps_offset");
  private static final List<String> CLIP = List.of("clip_sample", "clip_sample_range");
  private static final List<String> THRESHOLD =
      List.of("thresholding", "dynamic_thresholding_ratio", "sample_max_value");
  private static final List<String> SIGMAS =
      List.of(
          "use_karras_sigmas",
          "use_exponential_sigmas",
          "use_beta_sigmas",
          "sigma_min",
          "sigma_max");
  private static final List<String> DPM =
      List.of(
          "solver_order",
          "algorithm_type",
          "solver_type",
          "lower_order_final",
          "final_sigmas_type",
          "lambda_min_clipped");

  private static final List<String> EDM =
      List.of("sigma_min", "sigma_max", "sigma_data", "sigma_schedule", "rho");
  private static final List<String> FLOW =
      List.of(
          "shift",
          "base_shift",
          "mu",
          "shift_terminal",
          "time_shift_type",
          "invert_sigmas",
          "stochastic_sampling",
          "use_karras_sigmas",
          "use_exponential_sigmas",
          "use_beta_sigmas");

  /** Settings of solvers with {@code use_flow_sigmas}. */
  private static final List<String> FLOW_SIGMAS = List.of("flow_shift", "mu", "time_shift_type");

  /** Settings of the noise schedule and the model, and those that make a flow of the others. */
  private static final List<String> OF_ALL =
      List.of(
          "num_train_timesteps",
          "beta_start",
          "beta_end",
          "beta_schedule",
          "trained_betas",
          "rescale_betas_zero_snr",
          "prediction_type",
          "use_flow_sigmas",
          "use_dynamic_shifting");

  private static final Map<String, Set<String>> USED =
      Map.ofEntries(
          used("DDPMScheduler", List.of("variance_type"), SPACING, CLIP, THRESHOLD),
          used("DDIMScheduler", List.of("set_alpha_to_one"), SPACING, CLIP, THRESHOLD),
          used("DDPMParallelScheduler", List.of("variance_type"), SPACING, CLIP, THRESHOLD),
          used("DDIMParallelScheduler", List.of("set_alpha_to_one"), SPACING, CLIP, THRESHOLD),
          used("UnCLIPScheduler", List.of("variance_type"), CLIP),
          used("DPMSolverSDEScheduler", List.of("noise_sampler_seed"), SPACING, SIGMAS),
          used(
              "SASolverScheduler",
              List.of(
                  "predictor_order",
                  "corrector_order",
                  "algorithm_type",
                  "lower_order_final",
                  "lambda_min_clipped",
                  "tau_func"),
              SPACING,
              SIGMAS,
              FLOW_SIGMAS,
              THRESHOLD),
          used("EDMEulerScheduler", EDM, List.of("final_sigmas_type")),
          used("EDMDPMSolverMultistepScheduler", EDM, THRESHOLD, DPM, List.of("euler_at_final")),
          used("CMStochasticIterativeScheduler", EDM, List.of("s_noise", "clip_denoised")),
          used(
              "ScoreSdeVeScheduler",
              List.of("sigma_min", "sigma_max", "snr", "sampling_eps", "correct_steps")),
          used("IPNDMScheduler"),
          used("FlowMatchEulerDiscreteScheduler", FLOW),
          used("FlowMatchHeunDiscreteScheduler", List.of("shift")),
          used("DDIMInverseScheduler", List.of("set_alpha_to_one"), SPACING, CLIP),
          used("RePaintScheduler", List.of("eta", "clip_sample")),
          used("PNDMScheduler", List.of("skip_prk_steps", "set_alpha_to_one"), SPACING),
          used(
              "EulerDiscreteScheduler",
              List.of("interpolation_type", "timestep_type", "final_sigmas_type"),
              SPACING,
              SIGMAS),
          used("EulerAncestralDiscreteScheduler", SPACING),
          used("HeunDiscreteScheduler", SPACING, SIGMAS, CLIP),
          used("LMSDiscreteScheduler", SPACING, SIGMAS),
          used("KDPM2DiscreteScheduler", SPACING, SIGMAS),
          used("KDPM2AncestralDiscreteScheduler", SPACING, SIGMAS),
          used(
              "DPMSolverMultistepScheduler",
              List.of("use_lu_lambdas", "euler_at_final"),
              SPACING,
              SIGMAS,
              FLOW_SIGMAS,
              THRESHOLD,
              DPM),
          used("DPMSolverSinglestepScheduler", SIGMAS, FLOW_SIGMAS, THRESHOLD, DPM),
          used(
              "UniPCMultistepScheduler",
              List.of(
                  "solver_order",
                  "solver_type",
                  "predict_x0",
                  "lower_order_final",
                  "disable_corrector",
                  "solver_p",
                  "shift_terminal",
                  "final_sigmas_type"),
              SPACING,
              SIGMAS,
              FLOW_SIGMAS,
              THRESHOLD),
          used(
              "DEISMultistepScheduler",
              List.of("solver_order", "algorithm_type", "solver_type", "lower_order_final"),
              SPACING,
              SIGMAS,
              FLOW_SIGMAS,
              THRESHOLD),
          used(
              "LCMScheduler",
              List.of("original_inference_steps", "timestep_scaling"),
              CLIP,
              THRESHOLD),
          used("TCDScheduler", List.of("original_inference_steps")));

  private SchedulerKeys() {}

  @SafeVarargs
  private static Map.Entry<String, Set<String>> used(String className, List<String>... keys) {
    Set<String> all = new HashSet<>(OF_ALL);
    all.addAll(Fits.keys());
    for (List<String> some : keys) {
      all.addAll(some);
    }
    return Map.entry(className, Set.copyOf(all));
  }

  /** The supported classes. */
  static Set<String> classes() {
    return USED.keySet();
  }

  /**
   * A configuration without the settings that a scheduler does not use. One log line names the
   * ignored settings, except those that are off.
   *
   * @param className of the scheduler, one of {@link #classes}
   */
  static SchedulerConfig of(SchedulerConfig config, String className) {
    Set<String> used = USED.getOrDefault(className, Set.of());
    Map<String, @Nullable Object> kept = new TreeMap<>();
    Set<String> passedOver = new TreeSet<>();
    config
        .settings()
        .forEach(
            (key, value) -> {
              if (used.contains(key)) {
                kept.put(key, value);
              } else if (!key.startsWith("_") && value != null && !value.equals(false)) {
                passedOver.add(key);
              }
            });
    if (!passedOver.isEmpty() && LOG.isInfoEnabled()) {
      LOG.info("{} does not use, and passes over, {}", className, Shown.list(passedOver));
    }
    return new SchedulerConfig(config.className(), kept);
  }
}
