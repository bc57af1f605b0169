package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.samplers.FittedSampler.Solver;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a scheduler configuration that hold what was fitted; diffusers passes over them.
 *
 * @param config the configuration
 */
record Fits(SchedulerConfig config) {

  /** What was fitted to: {@link FittedTo}. */
  static final String TO = "fitted_to";

  /** The class of the scheduler whose steps were fitted. */
  static final String CLASS = "fitted_class";

  /** Lists of noise levels, as many as there are steps. */
  static final String STEPS = "fitted_steps";

  /** Lists of the noise levels and coefficients of solvers: {@link Solver#toList}. */
  static final String SOLVERS = "fitted_solvers";

  /** The most steps that can be fitted. */
  static final int MOST = 32;

  /** The settings. */
  static List<String> keys() {
    return List.of(TO, CLASS, STEPS, SOLVERS);
  }

  /** The solver that was fitted for a number of steps. */
  Optional<FittedSampler> solver(int steps) {
    int length = Solver.length(steps);
    for (double[] list : lists(SOLVERS)) {
      if (IntStream.rangeClosed(1, MOST).noneMatch(n -> Solver.length(n) == list.length)) {
        throw new IllegalArgumentException(
            SOLVERS
                + " must be of 1 to "
                + MOST
                + " steps but one has "
                + list.length
                + " numbers");
      }
    }
    return lists(SOLVERS).stream()
        .filter(list -> list.length == length)
        .findAny()
        .map(
            list ->
                new FittedSampler(Solver.of(list, steps), to())
                    .withCorrection(Samplers.correction(config)));
  }

  /** A sampler with the noise levels that were fitted for it, or the sampler itself. */
  LoopSampler<?, ?> withSteps(LoopSampler<?, ?> sampler, int steps) {
    Optional<double[]> sigmas =
        lists(STEPS).stream().filter(list -> list.length == steps).findAny();
    if (sigmas.isEmpty()) {
      return sampler;
    }
    String theirs = config.text(CLASS, "");
    if (!theirs.equals(config.className())) {
      throw new IllegalArgumentException(
          STEPS
              + " must be fitted to the sampler, "
              + config.className()
              + ", but were to "
              + Shown.text(theirs));
    }
    return sampler.with(Timesteps.sigmas(sigmas.get()), to());
  }

  private FittedTo to() {
    return new FittedTo(config.text(TO, ""));
  }

  private List<double[]> lists(String key) {
    Object value = config.settings().get(key);
    if (value == null) {
      return List.of();
    }
    List<double[]> lists = new ArrayList<>();
    for (Object list : value instanceof List<?> all ? all : List.of(value)) {
      if (!(list instanceof List<?> numbers)
          || !numbers.stream()
              .allMatch(n -> n instanceof Number && Double.isFinite(((Number) n).doubleValue()))) {
        throw new IllegalArgumentException(
            key + " must be lists of numbers but one was " + Shown.text(list));
      }
      lists.add(numbers.stream().mapToDouble(n -> ((Number) n).doubleValue()).toArray());
    }
    return lists;
  }

  /** The configuration with a solver fitted to a denoiser. */
  SchedulerConfig withSolver(int steps, Denoiser model, SamplingRequest request) {
    requireFits(steps, model, request);
    X0Correction correction = Samplers.correction(config);
    return Detached.get(
        () -> {
          Trajectories goal = Trajectories.of(model, request, correction);
          List<double[]> starts = StepChoice.of(goal).several(requireNodes(steps, goal));
          try (Predictions predictions = new Predictions(model, request, correction)) {
            Solver solver = SolverFit.fit(predictions, goal, starts);
            return fresh(model).with(SOLVERS, Solver.length(steps), solver.toList());
          }
        });
  }

  /** The configuration with the steps of its sampler fitted to a denoiser. */
  SchedulerConfig withSteps(
      LoopSampler<?, ?> sampler, int steps, Denoiser model, SamplingRequest request) {
    requireFits(steps, model, request);
    // Refuses methods of whole timesteps.
    LoopSampler<?, ?> levels = sampler.with(Timesteps.sigmas(1));
    levels.transitions(model.schedule());
    return Detached.get(
        () -> {
          X0Correction correction = sampler.options.correction;
          Trajectories goal = Trajectories.of(model, request, correction);
          requireNodes(steps, goal);
          double[] sigmas = StepFit.fit(sampler, model, request, goal, steps);
          return fresh(model)
              .with(STEPS, steps, Arrays.stream(sigmas).boxed().toList())
              .with(CLASS, config.className());
        });
  }

  /** Without what was fitted to something else. */
  private Fits fresh(Denoiser model) {
    String text = FittedTo.of(model).text();
    SchedulerConfig kept = config;
    if (!config.text(TO, text).equals(text)) {
      kept = kept.with(STEPS, null).with(SOLVERS, null);
    }
    if (!config.text(CLASS, config.className()).equals(config.className())) {
      kept = kept.with(STEPS, null);
    }
    return new Fits(kept.with(TO, text));
  }

  /** With a list in place of that of the same length. */
  private SchedulerConfig with(String key, int length, List<Double> list) {
    List<@Nullable Object> lists = new ArrayList<>();
    for (double[] other : lists(key)) {
      if (other.length != length) {
        lists.add(Arrays.stream(other).boxed().toList());
      }
    }
    lists.add(list);
    return config.with(key, lists);
  }

  private static int requireNodes(int steps, Trajectories goal) {
    if (steps > goal.nodes()) {
      throw new IllegalArgumentException(
          "fitted steps must be in [1, " + goal.nodes() + "] but were " + steps);
    }
    return steps;
  }

  private static void requireFits(int steps, Denoiser model, SamplingRequest request) {
    ProbabilityFlow.requireDeterministic(model);
    int most = Math.min(MOST, model.schedule().steps());
    if (steps < 1 || steps > most) {
      throw new IllegalArgumentException(
          "fitted steps must be in [1, " + most + "] but were " + steps);
    }
    if (request.start() != null || request.known() != null) {
      throw new IllegalArgumentException(
          "trajectories to fit to must begin with noise but were given samples");
    }
    Condition.Takes.of(model).require(request.condition(), request.count());
  }
}
