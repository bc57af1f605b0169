package org.diffusion4j.samplers;

import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.diffusion4j.samplers.Timesteps.Spacing;

/** Settings that several of diffusers' schedulers have in common. */
record SchedulerSettings(SchedulerConfig config) {

  /** Settings for the spacing of noise levels. */
  private static final Map<String, SigmaSpacing> SIGMAS =
      Map.of(
          "use_karras_sigmas", SigmaSpacing.KARRAS,
          "use_exponential_sigmas", SigmaSpacing.EXPONENTIAL,
          "use_beta_sigmas", SigmaSpacing.BETA,
          "use_lu_lambdas", SigmaSpacing.LOG_SNR);

  /** Settings of flow matching, which most methods do not take. */
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

  /** A numeric setting, or a default if it is null. */
  double numberOr(String key, double otherwise) {
    return isGiven(key) ? config.number(key, otherwise) : otherwise;
  }

  /**
   * The timesteps of {@code timestep_spacing} and {@code steps_offset}, without a limit of lambda,
   * as in diffusers.
   */
  Timesteps spaced(int steps, String byDefault) {
    String name = config.oneOf("timestep_spacing", byDefault, SPACINGS);
    Spacing spacing = Spacing.valueOf(name.toUpperCase(Locale.ROOT));
    // diffusers adds the offset only to leading steps.
    int offset = spacing == Spacing.LEADING ? config.integer("steps_offset", 0) : 0;
    return Timesteps.of(steps, spacing, offset).withLambdaMin(Double.NEGATIVE_INFINITY);
  }

  /** Whether noise levels are spaced instead of timesteps. */
  boolean spacesSigmas() {
    return SIGMAS.keySet().stream().anyMatch(this::on);
  }

  /**
   * The steps of a scheduler of k-diffusion's family.
   *
   * @param time which timestep the denoiser gets at Karras's noise levels
   */
  Timesteps nodes(int steps, SigmaTime time) {
    Timesteps spaced = withSigmas(spaced(steps, "linspace"), time, SigmaTime.BETWEEN);
    return time == SigmaTime.QUARTER_LOG && !spacesSigmas()
        ? spaced.with(SigmaLevels.ofTimesteps(time))
        : spaced;
  }

  /**
   * The steps of a scheduler of DPM-Solver's family, which uses whole timesteps. In diffusers
   * spaced noise levels have no limit of lambda. With {@code use_flow_sigmas} they are those of
   * straight paths.
   *
   * @param time which timestep the denoiser gets at Karras's noise levels
   */
  Timesteps intervals(int steps, SigmaTime time) {
    if (on("use_flow_sigmas")) {
      return FlowSigmas.of(this, steps);
    }
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

  /** {@code lambda_min_clipped}, which is a string in JSON if it is infinite. */
  private double lambdaMin() {
    Object value = config.settings().get("lambda_min_clipped");
    if (value == null || Set.of("-Infinity", "-inf").contains(value)) {
      return Double.NEGATIVE_INFINITY;
    }
    return config.number("lambda_min_clipped", Double.NEGATIVE_INFINITY);
  }
}
