package org.diffusion4j;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The settings of diffusers' schedulers whose process is in continuous time. */
final class ProcessConfig {

  /** The classes whose model is an EDM network. */
  static final Set<String> EDM =
      Set.of(
          "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "CMStochasticIterativeScheduler");

  static final Set<String> CLASSES =
      Set.of(
          "EDMEulerScheduler",
          "EDMDPMSolverMultistepScheduler",
          "CMStochasticIterativeScheduler",
          "FlowMatchEulerDiscreteScheduler",
          "FlowMatchHeunDiscreteScheduler",
          "ScoreSdeVeScheduler",
          "IPNDMScheduler");

  /** The classes whose process is that of flow matching with {@code use_flow_sigmas}. */
  private static final Set<String> SOLVERS =
      Set.of(
          "DPMSolverMultistepScheduler",
          "DPMSolverSinglestepScheduler",
          "UniPCMultistepScheduler",
          "DEISMultistepScheduler",
          "SASolverScheduler");

  /** The default of num_train_timesteps where it is not 1000. */
  static final Map<String, Integer> STEPS =
      Map.of("CMStochasticIterativeScheduler", 40, "ScoreSdeVeScheduler", 2000);

  /** Consistency models are told 1000 times c_noise: Song et al. 2023, appendix C. */
  private static final double CONSISTENCY_TIME = 1000 * EdmProcess.QUARTER;

  private ProcessConfig() {}

  /** Whether the process of a configuration is in continuous time. */
  static boolean describes(SchedulerConfig config) {
    return CLASSES.contains(config.className()) || isFlowOfSolver(config);
  }

  private static boolean isFlowOfSolver(SchedulerConfig config) {
    return SOLVERS.contains(config.className()) && config.flag("use_flow_sigmas", false);
  }

  static NoiseSchedule schedule(SchedulerConfig config, int steps) {
    if (isFlowOfSolver(config)) {
      return NoiseSchedule.flow(steps);
    }
    return switch (config.className()) {
      case "FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler" ->
          NoiseSchedule.flow(steps);
      case "ScoreSdeVeScheduler" ->
          NoiseSchedule.varianceExploding(
              steps, config.number("sigma_min", 0.01), config.number("sigma_max", 1348));
      case "IPNDMScheduler" -> {
        if (config.settings().get("trained_betas") != null) {
          throw new IllegalArgumentException("trained_betas must be null for IPNDMScheduler");
        }
        yield NoiseSchedule.trigonometric(steps);
      }
      default ->
          new EdmProcess(
              steps,
              config.number("sigma_min", 0.002),
              config.number("sigma_max", 80),
              config.number("sigma_data", 0.5),
              isConsistency(config.className()) ? CONSISTENCY_TIME : EdmProcess.QUARTER,
              config.number("rho", EdmProcess.SEVEN));
    };
  }

  private static boolean isConsistency(String className) {
    return className.equals("CMStochasticIterativeScheduler");
  }

  /** The default of prediction_type. */
  static String predictionName(String className) {
    return switch (className) {
      case "FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler" -> "flow_prediction";
      case "ScoreSdeVeScheduler" -> "score";
      case "IPNDMScheduler" -> "v_prediction";
      default -> "epsilon";
    };
  }

  static SchedulerConfig of(NoiseSchedule schedule, Prediction prediction) {
    Map<String, @Nullable Object> settings = new TreeMap<>();
    settings.put("num_train_timesteps", (long) schedule.steps());
    String className;
    if (schedule instanceof FlowProcess) {
      className = "FlowMatchEulerDiscreteScheduler";
      settings.put("shift", 1.0);
    } else if (schedule instanceof VarianceExploding process) {
      className = "ScoreSdeVeScheduler";
      settings.put("sigma_min", process.sigmaMin());
      settings.put("sigma_max", process.sigmaMax());
    } else if (schedule instanceof EdmProcess process) {
      boolean consistency = process.timeScale() == CONSISTENCY_TIME;
      className = consistency ? "CMStochasticIterativeScheduler" : "EDMEulerScheduler";
      settings.put("sigma_min", process.sigmaMin());
      settings.put("sigma_max", process.sigmaMax());
      settings.put("sigma_data", process.sigmaData());
      if (process.rho() != EdmProcess.SEVEN) {
        settings.put("rho", process.rho());
      }
    } else if (schedule instanceof TrigonometricProcess) {
      className = "IPNDMScheduler";
    } else {
      throw new IllegalArgumentException(
          "a process in continuous time must be one of NoiseSchedule's but was " + schedule);
    }
    SchedulerConfig config = new SchedulerConfig(className, settings);
    return config.prediction() == prediction
        ? config
        : config.with(
            "prediction_type",
            prediction == Prediction.EPSILON
                ? "noise"
                : SchedulerConfig.predictionName(prediction));
  }
}
