package org.diffusion4j.samplers;

import java.util.Locale;
import java.util.Set;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;

/** The samplers that diffusers' scheduler configurations describe. */
public final class Samplers {

  private static final Set<String> VARIANCES =
      Set.of("fixed_small", "fixed_small_log", "fixed_large");

  private Samplers() {}

  /**
   * The sampler that a configuration describes.
   *
   * @param config of a {@code DDPMScheduler}, {@code DDIMScheduler} or {@code DDIMInverseScheduler}
   * @param steps in [1, T]
   * @throws IllegalArgumentException if the class or a setting is not supported
   */
  public static Sampler of(SchedulerConfig config, int steps) {
    return switch (config.className()) {
      case "DDPMScheduler" -> ddpm(config, steps);
      case "DDIMScheduler" -> ddim(config, steps, 0);
      case "DDIMInverseScheduler" -> ddimInversion(config, steps);
      default ->
          throw new IllegalArgumentException(
              "scheduler must be DDPMScheduler, DDIMScheduler or DDIMInverseScheduler but was "
                  + config.className());
    };
  }

  /**
   * DDPM with a configuration's variance, steps and correction.
   *
   * @param config of any scheduler
   * @param steps in [1, T]
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdpmSampler ddpm(SchedulerConfig config, int steps) {
    return DdpmSampler.of(variance(config), timesteps(config, steps))
        .withCorrection(correction(config));
  }

  /**
   * DDIM with a configuration's steps and correction.
   *
   * @param config of any scheduler
   * @param steps in [1, T]
   * @param eta in [0, 1]
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdimSampler ddim(SchedulerConfig config, int steps, double eta) {
    return new DdimSampler(timesteps(config, steps), eta)
        .withCorrection(correction(config))
        .withFinalAlphaBar(finalAlphaBar(config));
  }

  /**
   * DDIM inversion with a configuration's steps and correction.
   *
   * @param config of any scheduler
   * @param steps in [1, T]
   * @throws IllegalArgumentException if a setting is not supported
   */
  public static DdimInversion ddimInversion(SchedulerConfig config, int steps) {
    return new DdimInversion(timesteps(config, steps))
        .withCorrection(correction(config))
        .withInitialAlphaBar(finalAlphaBar(config));
  }

  static DdpmSampler.Variance variance(SchedulerConfig config) {
    String name = config.oneOf("variance_type", "fixed_small", VARIANCES);
    return name.equals("fixed_large") ? DdpmSampler.Variance.BETA : DdpmSampler.Variance.POSTERIOR;
  }

  static X0Correction correction(SchedulerConfig config) {
    if (config.flag("thresholding", false)) {
      return X0Correction.dynamicThreshold(
          config.number("dynamic_thresholding_ratio", 0.995), config.number("sample_max_value", 1));
    }
    return config.flag("clip_sample", true)
        ? X0Correction.clip(config.number("clip_sample_range", 1))
        : X0Correction.none();
  }

  static Timesteps timesteps(SchedulerConfig config, int steps) {
    String name =
        config.oneOf("timestep_spacing", "leading", Set.of("leading", "linspace", "trailing"));
    StepSpacing spacing = StepSpacing.valueOf(name.toUpperCase(Locale.ROOT));
    // diffusers adds the offset to leading steps alone.
    int offset = spacing == StepSpacing.LEADING ? config.integer("steps_offset", 0) : 0;
    return Timesteps.of(steps, spacing, offset);
  }

  static double finalAlphaBar(SchedulerConfig config) {
    return config.flag("set_alpha_to_one", true) ? 1 : config.schedule().alphaBar(0);
  }
}
