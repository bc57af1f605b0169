package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The methods of Euler and of Heun along straight paths, {@code d x_s / d s = epsilon - x_0}:
 * Lipman et al. 2023, section 4; Liu et al. 2023, section 2. Denoisers of other processes are
 * scaled to them.
 */
final class FlowSampler extends LoopSampler<FlowSampler, FlowSampler.Options> {

  static final class Options extends LoopSampler.Options {

    private final FlowSteps steps;
    private boolean heun;
    private boolean stochastic;

    private Options(FlowSteps steps) {
      super(Timesteps.all());
      this.steps = steps;
    }
  }

  private FlowSampler(Options options) {
    super(options, FlowSampler::new);
  }

  /** Euler's method, which is of order 1. */
  static FlowSampler euler(FlowSteps steps) {
    return new FlowSampler(new Options(steps));
  }

  /** Heun's method, which is of order 2 and calls the denoiser twice per step but the last. */
  static FlowSampler heun(FlowSteps steps) {
    return euler(steps).with(o -> o.heun = true);
  }

  /** A copy of Euler's method whose steps add new noise to the predicted clean samples. */
  FlowSampler withNewNoise() {
    return with(o -> o.stochastic = true);
  }

  @Override
  String described() {
    return ", s "
        + options.steps
        + (options.heun ? ", Heun" : "")
        + (options.stochastic ? ", new noise" : "");
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    NoiseLevels levels = options.steps.levels(schedule, highest(schedule));
    if (!options.heun) {
      return levels.transitions();
    }
    List<Transition> stages = new ArrayList<>();
    for (Transition step : levels.transitions()) {
      stages.add(Transition.of(stages.size(), step.t(), step.from(), step.to(), step.last()));
      if (!step.last()) {
        double next = levels.t()[step.index() + 1];
        stages.add(new Transition(stages.size(), next, step.to(), step.from(), step.to(), false));
      }
    }
    return stages;
  }

  /** That of the schedule, or of the timesteps to which the method was limited. */
  private double highest(NoiseSchedule schedule) {
    double limited = options.timesteps.nodes(schedule, FinalSigma.ZERO).levels()[0].sigma();
    double whole = new SigmaCurve(schedule).max();
    return limited < whole * (1 - 1e-9) ? limited : schedule.sigma(schedule.steps() - 1);
  }

  @Override
  int stages() {
    return options.heun ? 2 : 1;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    if (options.heun) {
      return new TwoStages();
    }
    return options.stochastic ? FlowSampler::renewed : FlowSampler::euler;
  }

  private static INDArray euler(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    return Flow.euler(x, estimate.x0(), step.from(), step.to().sigma(), step.to());
  }

  private static INDArray renewed(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    INDArray next = Elements.times(step.to().signal(), estimate.x0());
    return step.last() ? next : Linear.addNoise(next, step.to().noise(), noise);
  }

  private static final class TwoStages implements Run {

    private @Nullable INDArray start;
    private @Nullable INDArray velocity;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      INDArray found = estimate.direction(x, step.at());
      Elements.add(found, -1, estimate.x0());
      if (velocity == null) {
        start = x.dup();
        velocity = found;
        return along(x, found, step);
      }
      try (found;
          INDArray mean = Elements.combine(0.5, velocity, 0.5, found)) {
        return along(Objects.requireNonNull(start), mean, step);
      } finally {
        close();
      }
    }

    /** {@code x_s + (s' - s) velocity}, between the scales that preserve variance. */
    private static INDArray along(INDArray x, INDArray velocity, Transition step) {
      double scale = scale(step.to());
      double distance = step.to().noise() / scale - step.from().noise() / scale(step.from());
      return Elements.combine(scale / scale(step.from()), x, scale * distance, velocity);
    }

    /** What multiplies samples on a straight path so that variance is preserved. */
    private static double scale(Level level) {
      return level.signal() + level.noise();
    }

    @Override
    public void close() {
      Linear.close(velocity);
      velocity = null;
      Linear.close(start);
      start = null;
    }
  }
}
