package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One of our methods on the steps that the reference takes.
 *
 * <p>Mostly they are our own. They are not where the reference finds DDIM's previous step by
 * subtracting {@code T / n} and not in the list of its timesteps, and where it adds noise to a last
 * step at which t is not 0.
 */
public final class ReferenceSampler {

  private final Method method;
  private final SchedulerConfig config;
  private final List<Transition> steps;

  /**
   * @param inferenceSteps their number, or null for every step of the schedule
   */
  public ReferenceSampler(
      SchedulerConfig config, Integer inferenceSteps, Map<String, Object> stepArguments) {
    this(config, inferenceSteps, stepArguments, 0);
  }

  /**
   * @param skipped how many of the first timesteps are left out
   */
  ReferenceSampler(
      SchedulerConfig config,
      Integer inferenceSteps,
      Map<String, Object> stepArguments,
      int skipped) {
    this.config = config;
    int total = config.schedule().steps();
    int n = inferenceSteps == null ? total : inferenceSteps;
    for (String argument : stepArguments.keySet()) {
      if (!List.of("eta", "use_clipped_model_output").contains(argument)) {
        throw new IllegalArgumentException("step argument is not supported: " + argument);
      }
    }
    double eta = ((Number) stepArguments.getOrDefault("eta", 0)).doubleValue();
    switch (config.className()) {
      case "DDPMScheduler" -> {
        Timesteps timesteps = timesteps(n);
        method =
            new DdpmSampler.Ancestral(
                Samplers.variance(config), timesteps, Samplers.correction(config));
        steps = new ArrayList<>();
        for (Transition step : timesteps.down(total)) {
          steps.add(new Transition(step.t(), step.from(), step.to(), step.t() == 0));
        }
      }
      case "DDIMScheduler" -> {
        Timesteps timesteps = timesteps(n);
        method =
            new DdimSampler.Implicit(
                timesteps,
                eta,
                Samplers.correction(config),
                Boolean.TRUE.equals(stepArguments.get("use_clipped_model_output")),
                Samplers.finalAlphaBar(config));
        steps = new ArrayList<>();
        for (Transition step : timesteps.down(total)) {
          int to = Math.max(-1, step.t() - total / n);
          steps.add(new Transition(step.t(), step.from(), to, step.last()));
        }
      }
      case "DDIMInverseScheduler" -> {
        Timesteps timesteps = timesteps(n);
        method =
            new DdimInversion.Inverse(
                timesteps, Samplers.correction(config), Samplers.finalAlphaBar(config));
        steps = new ArrayList<>();
        for (Transition step : timesteps.up(total)) {
          int from = Math.min(step.t() - total / n, total - 1);
          steps.add(new Transition(step.t(), Math.max(-1, from), step.to(), step.last()));
        }
      }
      default ->
          throw new IllegalArgumentException("scheduler is not supported: " + config.className());
    }
    steps.subList(0, skipped).clear();
  }

  /** Leaves out every step but the one from a timestep. */
  public void keepOnly(int t) {
    steps.removeIf(step -> step.t() != t);
  }

  private Timesteps timesteps(int n) {
    return Samplers.timesteps(config, n);
  }

  public int[] timesteps() {
    return steps.stream().mapToInt(Transition::t).toArray();
  }

  /** Whether our own sampler takes other steps than the reference. */
  public boolean differsFromOurs() {
    return !steps.equals(method.transitions(config.schedule()));
  }

  public SamplingResult sample(Denoiser model, SamplingRequest request) {
    Method onTheirSteps =
        new Method() {
          @Override
          public List<Transition> transitions(NoiseSchedule schedule) {
            return steps;
          }

          @Override
          public X0Correction correction() {
            return method.correction();
          }

          @Override
          public double alphaBar(NoiseSchedule schedule, int t) {
            return method.alphaBar(schedule, t);
          }

          @Override
          public INDArray step(
              Transition step,
              NoiseSchedule schedule,
              Estimate estimate,
              INDArray x,
              Supplier<INDArray> noise) {
            return method.step(step, schedule, estimate, x, noise);
          }
        };
    return SamplingLoop.run(onTheirSteps, model, request);
  }
}
