package org.diffusion4j.samplers;

import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.diffusion4j.samplers.Timesteps.Spacing;

/** What several of diffusers' schedulers read from their configurations alike. */
record SchedulerSettings(SchedulerConfig config) {

  /** Settings that space noise levels. */
  private static final Map<String, SigmaSpacing> SIGMAS =
      Map.of(
          "use_karras_sigmas", SigmaSpacing.KARRAS,
          "use_exponential_sigmas", SigmaSpacing.EXPONENTIAL,
          "use_beta_sigmas", SigmaSpacing.BETA,
          "use_lu_lambdas", SigmaSpacing.LOG_SNR);

  /** Those of flow matching, which nothing here does. */
  static final String[] FLOW_FLAGS = {"use_flow_sigmas", "use_dynamic_shifting"};

  private static final Set<String> SPACINGS = Set.of("leading", "linspace", "trailing");

  /** Refuses settings that are true. */
  SchedulerSettings requireOff(String... flags) {
    for (String flag : flags) {
      if (on(flag)) {
        throw new IllegalArgumentException(
            flag + " must be false for " + config.className() + " but was true");
      }
    }
    return this;
  }

  /** Whether a setting is true; null is false, as in Python. */
  boolean on(String flag) {
    return isGiven(flag) && config.flag(flag, false);
  }

  /** Whether a setting has a value other than null. */
  boolean isGiven(String key) {
    return config.settings().get(key) != null;
  }

  /** A setting that is a number, or null for a value in its place. */
  double numberOr(String key, double otherwise) {
    return isGiven(key) ? config.number(key, otherwise) : otherwise;
  }

  /**
   * The timesteps that {@code timestep_spacing} and {@code steps_offset} describe, all of them as
   * in diffusers.
   */
  Timesteps spaced(int steps, String byDefault) {
    String name = config.oneOf("timestep_spacing", byDefault, SPACINGS);
    Spacing spacing = Spacing.valueOf(name.toUpperCase(Locale.ROOT));
    // diffusers adds the offset to leading steps alone.
    int offset = spacing == Spacing.LEADING ? config.integer("steps_offset", 0) : 0;
    return Timesteps.of(steps, spacing, offset).withLambdaMin(Double.NEGATIVE_INFINITY);
  }

  /** Whether noise levels are spaced, and not timesteps. */
  boolean spacesSigmas() {
    return SIGMAS.keySet().stream().anyMatch(this::on);
  }

  /**
   * The steps of a scheduler of k-diffusion's family.
   *
   * @param time what the denoiser is asked about at Karras's noise levels
   */
  Timesteps nodes(int steps, SigmaTime time) {
    Timesteps spaced = withSigmas(spaced(steps, "linspace"), time, SigmaTime.BETWEEN);
    return time == SigmaTime.QUARTER_LOG && !spacesSigmas()
        ? spaced.with(SigmaLevels.ofTimesteps(time))
        : spaced;
  }

  /**
   * The steps of a scheduler of DPM-Solver's family, which asks about whole timesteps. Noise levels
   * that are spaced know no limit of lambda in diffusers.
   *
   * @param time what the denoiser is asked about at Karras's noise levels
   */
  Timesteps intervals(int steps, SigmaTime time) {
    Timesteps spaced = withSigmas(spaced(steps, "linspace"), time, SigmaTime.LOWER);
    return spacesSigmas() ? spaced : spaced.withLambdaMin(lambdaMin());
  }

  private Timesteps withSigmas(Timesteps spaced, SigmaTime karras, SigmaTime others) {
    requireOff(FLOW_FLAGS);
    Set<String> chosen = new TreeSet<>(SIGMAS.keySet());
    chosen.removeIf(flag -> !on(flag));
    if (chosen.size() > 1) {
      throw new IllegalArgumentException("only one may be true of " + chosen);
    }
    if (chosen.isEmpty()) {
      return spaced;
    }
    SigmaSpacing spacing = Objects.requireNonNull(SIGMAS.get(chosen.iterator().next()));
    boolean rounded = spacing == SigmaSpacing.KARRAS || spacing == SigmaSpacing.LOG_SNR;
    SigmaTime time = rounded || karras == SigmaTime.QUARTER_LOG ? karras : others;
    return spaced.with(
        SigmaLevels.of(spacing)
            .withTime(time)
            .withRange(numberOr("sigma_min", Double.NaN), numberOr("sigma_max", Double.NaN)));
  }

  /** {@code final_sigmas_type}. */
  FinalSigma finalSigma() {
    String name = config.oneOf("final_sigmas_type", "zero", Set.of("zero", "sigma_min"));
    return name.equals("zero") ? FinalSigma.ZERO : FinalSigma.MIN;
  }

  /** {@code lambda_min_clipped}, which JSON can write only as a string if it is infinite. */
  private double lambdaMin() {
    Object value = config.settings().get("lambda_min_clipped");
    if (value == null || Set.of("-Infinity", "-inf").contains(value)) {
      return Double.NEGATIVE_INFINITY;
    }
    return config.number("lambda_min_clipped", Double.NEGATIVE_INFINITY);
  }
}
