package org.diffusion4j;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a noise schedule and a sampler in the format of diffusers' {@code
 * scheduler_config.json}, for exchanging models with diffusers. Immutable.
 *
 * <p>Missing or null settings have diffusers' defaults, except that a null flag is false. An
 * unknown or unsupported value is refused with an {@link IllegalArgumentException} that names it.
 *
 * @param className the scheduler's class, such as {@code DDIMScheduler}
 * @param settings the settings by name: strings, booleans, whole numbers as {@code Long}, other
 *     numbers as {@code Double}, lists, or null
 */
public record SchedulerConfig(String className, Map<String, @Nullable Object> settings) {

  private static final int DEFAULT_STEPS = 1000;
  private static final int MAX_STEPS = 1_000_000;

  /** The classes whose betas run from 1e-4 to 0.02 by default. */
  private static final Set<String> DDPM_ENDS =
      Set.of(
          "DDPMScheduler",
          "DDPMParallelScheduler",
          "DDIMScheduler",
          "DDIMParallelScheduler",
          "DDIMInverseScheduler",
          "SASolverScheduler",
          "UnCLIPScheduler",
          "RePaintScheduler",
          "PNDMScheduler",
          "EulerDiscreteScheduler",
          "EulerAncestralDiscreteScheduler",
          "LMSDiscreteScheduler",
          "DPMSolverMultistepScheduler",
          "DPMSolverSinglestepScheduler",
          "UniPCMultistepScheduler",
          "DEISMultistepScheduler");

  /** The classes whose betas run from 0.00085 to 0.012 by default. */
  private static final Set<String> LATENT_ENDS =
      Set.of(
          "HeunDiscreteScheduler",
          "KDPM2DiscreteScheduler",
          "KDPM2AncestralDiscreteScheduler",
          "DPMSolverSDEScheduler",
          "LCMScheduler",
          "TCDScheduler");

  /** The classes whose betas are scaled-linear by default. */
  private static final Set<String> SCALED_LINEAR = Set.of("LCMScheduler", "TCDScheduler");

  public SchedulerConfig {
    Objects.requireNonNull(className, "class name");
    Map<String, @Nullable Object> copy = new TreeMap<>(settings);
    copy.replaceAll(
        (name, value) ->
            value instanceof List<?> list
                ? Collections.unmodifiableList(new ArrayList<>(list))
                : value);
    settings = Collections.unmodifiableMap(copy);
  }

  /**
   * The settings of a {@code DDPMScheduler} for a schedule, without clipping; for a process in
   * continuous time those of its scheduler, such as {@code EDMEulerScheduler}.
   *
   * @param schedule written by name and end points if diffusers has a name for it, otherwise as a
   *     list of betas
   * @param prediction what the model predicts
   * @throws IllegalArgumentException for a process in continuous time that is not of this library
   */
  public static SchedulerConfig of(NoiseSchedule schedule, Prediction prediction) {
    if (schedule.isContinuous()) {
      return ProcessConfig.of(schedule, prediction);
    }
    Map<String, @Nullable Object> settings = new TreeMap<>();
    int steps = schedule.steps();
    double first = schedule.beta(0);
    double last = schedule.beta(steps - 1);
    settings.put("num_train_timesteps", (long) steps);
    settings.put("beta_start", first);
    settings.put("beta_end", last);
    settings.put("beta_schedule", "linear");
    settings.put("trained_betas", null);
    settings.put("rescale_betas_zero_snr", false);
    String name = name(schedule, first, last);
    if (name.isEmpty()) {
      List<Double> betas = new ArrayList<>();
      for (int t = 0; t < steps; t++) {
        betas.add(schedule.beta(t));
      }
      settings.put("trained_betas", List.copyOf(betas));
    } else {
      settings.put("beta_schedule", name);
      if (!name.endsWith("linear")) {
        settings.put("beta_start", 1e-4);
        settings.put("beta_end", 0.02);
      }
    }
    settings.put("prediction_type", predictionName(prediction));
    settings.put("clip_sample", false);
    settings.put("clip_sample_range", 1.0);
    settings.put("thresholding", false);
    settings.put("dynamic_thresholding_ratio", 0.995);
    settings.put("sample_max_value", 1.0);
    settings.put("timestep_spacing", "leading");
    settings.put("steps_offset", 0L);
    settings.put("variance_type", "fixed_small");
    return new SchedulerConfig("DDPMScheduler", settings);
  }

  /**
   * A copy of these settings with another value of one setting.
   *
   * @param key its name, such as {@code clip_sample}
   * @param value a string, boolean, {@code Long}, {@code Double}, list, or null
   */
  public SchedulerConfig with(String key, @Nullable Object value) {
    Map<String, @Nullable Object> changed = new TreeMap<>(settings);
    changed.put(key, value);
    return new SchedulerConfig(className, changed);
  }

  /** diffusers' name of a schedule, or nothing. */
  private static String name(NoiseSchedule schedule, double first, double last) {
    int steps = schedule.steps();
    if (schedule.equals(NoiseSchedule.cosine(steps))) {
      return "squaredcos_cap_v2";
    }
    if (schedule.equals(NoiseSchedule.sigmoid(steps))) {
      return "sigmoid";
    }
    try {
      if (schedule.equals(NoiseSchedule.linear(steps, first, last))) {
        return "linear";
      }
      return schedule.equals(NoiseSchedule.scaledLinear(steps, first, last)) ? "scaled_linear" : "";
    } catch (IllegalArgumentException noScheduleHasTheseEnds) {
      return "";
    }
  }

  /**
   * The schedule: {@code beta_schedule} linear, scaled_linear, squaredcos_cap_v2 or sigmoid, or
   * {@code trained_betas}; with zero terminal SNR if {@code rescale_betas_zero_snr} is true. For
   * the schedulers of EDM, consistency models, flow matching, {@code ScoreSdeVeScheduler} and
   * {@code IPNDMScheduler} it is their process in continuous time; for DPM-Solver, UniPC, DEIS and
   * SA-Solver with {@code use_flow_sigmas} that of flow matching.
   */
  public NoiseSchedule schedule() {
    if (ProcessConfig.describes(this)) {
      return ProcessConfig.schedule(this, steps());
    }
    boolean latent = LATENT_ENDS.contains(className);
    if (!latent && !DDPM_ENDS.contains(className)) {
      Set<String> supported = new TreeSet<>(DDPM_ENDS);
      supported.addAll(LATENT_ENDS);
      supported.addAll(ProcessConfig.CLASSES);
      throw new IllegalArgumentException(
          "scheduler must be one of "
              + Shown.list(supported)
              + " but was "
              + Shown.text(className));
    }
    int steps = steps();
    double first = number("beta_start", latent ? 0.00085 : 1e-4);
    double last = number("beta_end", latent ? 0.012 : 0.02);
    NoiseSchedule schedule;
    Object betas = settings.get("trained_betas");
    if (betas != null) {
      schedule = trained(betas, steps);
    } else {
      String name = text("beta_schedule", betaSchedule());
      schedule =
          switch (name) {
            case "linear" -> NoiseSchedule.linear(steps, first, last);
            case "scaled_linear" -> NoiseSchedule.scaledLinear(steps, first, last);
            case "squaredcos_cap_v2" -> NoiseSchedule.cosine(steps);
            case "sigmoid" -> NoiseSchedule.sigmoid(steps, first, last);
            default ->
                throw new IllegalArgumentException(
                    "beta_schedule must be linear, scaled_linear, squaredcos_cap_v2 or sigmoid but"
                        + " was "
                        + Shown.text(name));
          };
    }
    return flag("rescale_betas_zero_snr", false) ? schedule.withZeroTerminalSnr() : schedule;
  }

  private int steps() {
    int steps =
        integer("num_train_timesteps", ProcessConfig.STEPS.getOrDefault(className, DEFAULT_STEPS));
    if (steps < 1 || steps > MAX_STEPS) {
      throw new IllegalArgumentException(
          "num_train_timesteps must be in [1, " + MAX_STEPS + "] but was " + steps);
    }
    return steps;
  }

  private String betaSchedule() {
    if (className.equals("UnCLIPScheduler")) {
      return "squaredcos_cap_v2";
    }
    return SCALED_LINEAR.contains(className) ? "scaled_linear" : "linear";
  }

  private static NoiseSchedule trained(Object betas, int steps) {
    if (!(betas instanceof List<?> list) || list.size() != steps) {
      throw new IllegalArgumentException(
          "trained_betas must be a list of num_train_timesteps numbers, "
              + steps
              + ", but was "
              + (betas instanceof List<?> other ? "a list of " + other.size() : Shown.text(betas)));
    }
    double[] values = new double[steps];
    double alphaBar = 1;
    double[] alphaBars = new double[steps];
    for (int t = 0; t < steps; t++) {
      if (!(list.get(t) instanceof Number number)) {
        throw new IllegalArgumentException(
            "trained_betas must be numbers but one was " + Shown.text(list.get(t)));
      }
      values[t] = number.doubleValue();
      alphaBar *= 1 - values[t];
      alphaBars[t] = alphaBar;
    }
    // The betas of a schedule with zero terminal SNR end with 1.
    return values[steps - 1] == 1
        ? NoiseSchedule.ofAlphaBars(alphaBars)
        : NoiseSchedule.ofBetas(values);
  }

  /**
   * What the model predicts: {@code prediction_type} epsilon, sample, v_prediction or
   * flow_prediction, and beyond diffusers noise, edm or score. For the schedulers of EDM and
   * consistency models epsilon is {@link Prediction#EDM}, and the predicted noise is noise.
   */
  public Prediction prediction() {
    String name = text("prediction_type", ProcessConfig.predictionName(className));
    return switch (name) {
      case "epsilon" -> ProcessConfig.EDM.contains(className) ? Prediction.EDM : Prediction.EPSILON;
      case "sample" -> Prediction.SAMPLE;
      case "v_prediction" -> Prediction.VELOCITY;
      case "flow_prediction" -> Prediction.FLOW;
      case "noise" -> Prediction.EPSILON;
      case "edm" -> Prediction.EDM;
      case "score" -> Prediction.SCORE;
      default ->
          throw new IllegalArgumentException(
              "prediction_type must be epsilon, sample, v_prediction or flow_prediction but was "
                  + Shown.text(name));
    };
  }

  static String predictionName(Prediction prediction) {
    return switch (prediction) {
      case EPSILON -> "epsilon";
      case SAMPLE -> "sample";
      case VELOCITY -> "v_prediction";
      case FLOW -> "flow_prediction";
      case EDM -> "edm";
      case SCORE -> "score";
    };
  }

  /**
   * A setting that is a string. This and the following methods refuse a value of another type.
   *
   * @param key its name
   * @param byDefault its value where it is missing
   */
  public String text(String key, String byDefault) {
    return value(key, byDefault, String.class, "a string");
  }

  /**
   * A setting that is true or false; null is false, as in Python.
   *
   * @param key its name
   * @param byDefault its value where it is missing
   */
  public boolean flag(String key, boolean byDefault) {
    boolean isNull = settings.containsKey(key) && settings.get(key) == null;
    return value(key, byDefault && !isNull, Boolean.class, "true or false");
  }

  /**
   * A setting that is a number.
   *
   * @param key its name
   * @param byDefault its value where it is missing
   */
  public double number(String key, double byDefault) {
    return value(key, byDefault, Number.class, "a number").doubleValue();
  }

  /**
   * A setting that is a whole number.
   *
   * @param key its name
   * @param byDefault its value where it is missing
   */
  public int integer(String key, int byDefault) {
    double number = number(key, byDefault);
    if (number != (int) number) {
      throw new IllegalArgumentException(key + " must be a whole number but was " + number);
    }
    return (int) number;
  }

  private <V> V value(String key, V byDefault, Class<V> type, String expected) {
    Object value = settings.get(key);
    if (value == null) {
      return byDefault;
    }
    if (!type.isInstance(value)) {
      throw new IllegalArgumentException(
          key + " must be " + expected + " but was " + Shown.text(value));
    }
    return type.cast(value);
  }

  /**
   * A setting with one of several supported values.
   *
   * @param key its name
   * @param byDefault its value where it is missing
   * @param supported the supported values
   * @return its value
   */
  public String oneOf(String key, String byDefault, Set<String> supported) {
    String value = text(key, byDefault);
    if (!supported.contains(value)) {
      throw new IllegalArgumentException(
          key + " must be one of " + new TreeSet<>(supported) + " but was " + Shown.text(value));
    }
    return value;
  }
}
