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
 * DPM-Solver++ for the reverse SDE with a midpoint in lambda (k-diffusion's DPM++ SDE). An
 * ancestral step leads to the midpoint; the clean samples predicted there are used for the
 * ancestral step over the whole. The noise of both is that of one Brownian path in sigma.
 */
final class DpmSdeSampler extends LoopSampler<DpmSdeSampler, DpmSdeSampler.Options> {

  static final class Options extends LoopSampler.Options {

    /** The seed of torchsde's path, or null for one of the request's noise. */
    private @Nullable Long seed;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private DpmSdeSampler(Options options) {
    super(options, DpmSdeSampler::new);
  }

  DpmSdeSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy whose noise is that of diffusers' {@code noise_sampler_seed}, the same in every run.
   *
   * @param seed at least 0
   */
  DpmSdeSampler withNoiseOfTorch(long seed) {
    return with(o -> o.seed = seed);
  }

  @Override
  String described() {
    return options.seed == null ? "" : ", noise of torchsde with seed " + options.seed;
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    List<Transition> stages = new ArrayList<>();
    SigmaCurve curve = new SigmaCurve(schedule);
    for (Transition step : options.timesteps.nodes(schedule, FinalSigma.ZERO).transitions()) {
      if (step.last()) {
        stages.add(Transition.of(stages.size(), step.t(), step.from(), step.to(), true));
        break;
      }
      double sigma = Math.sqrt(step.from().sigma() * step.to().sigma());
      Level middle = Level.ofSigma(sigma);
      stages.add(Transition.of(stages.size(), step.t(), step.from(), middle, false));
      stages.add(
          new Transition(stages.size(), curve.t(sigma), middle, step.from(), step.to(), false));
    }
    return stages;
  }

  @Override
  int stages() {
    return 2;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    if (options.seed == null) {
      return new TwoStages();
    }
    return new Seeded(options.seed, options.timesteps.nodes(schedule, FinalSigma.ZERO).levels());
  }

  private static class TwoStages implements Run {

    private @Nullable INDArray start;
    private @Nullable INDArray draw;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      if (step.last()) {
        return Flow.euler(x, estimate.x0(), step.from(), step.to().sigma(), step.to());
      }
      if (start == null) {
        start = x.dup();
        draw = toMiddle(step, x, noise);
        return ancestral(x, estimate.x0(), step, draw);
      }
      try (INDArray whole = whole(step, Objects.requireNonNull(draw), noise)) {
        return ancestral(Objects.requireNonNull(start), estimate.x0(), step, whole);
      } finally {
        close();
      }
    }

    /** The noise from the level of the samples to that of the midpoint. */
    INDArray toMiddle(Transition step, INDArray x, Supplier<INDArray> noise) {
      return noise.get();
    }

    /** The noise of the whole step, given that to the midpoint. */
    INDArray whole(Transition step, INDArray toMiddle, Supplier<INDArray> noise) {
      double from = step.from().sigma();
      double first = Math.sqrt((from - step.at().sigma()) / (from - step.to().sigma()));
      double second = Math.sqrt(1 - first * first);
      try (INDArray rest = noise.get()) {
        return Elements.combine(first, toMiddle, second, rest);
      }
    }

    private INDArray ancestral(INDArray x, INDArray x0, Transition step, INDArray z) {
      Level from = step.from();
      Level to = step.to();
      INDArray next = Flow.euler(x, x0, from, Flow.down(from.sigma(), to.sigma()), to);
      double up = Flow.up(from.sigma(), to.sigma());
      return Elements.add(next, to.signal() * up, z);
    }

    @Override
    public void close() {
      Linear.close(start);
      start = null;
      Linear.close(draw);
      draw = null;
    }
  }

  /** Levels are rounded as in the published code, because the path tells close ones apart. */
  private static final class Seeded extends TwoStages {

    private final long seed;
    private final float highest;
    private final float lowest;
    private final float[] logSigmas;
    private @Nullable BrownianTree path;

    Seeded(long seed, Level[] levels) {
      this.seed = seed;
      int positive = levels.length - 1;
      highest = (float) levels[0].sigma();
      lowest = (float) levels[positive - 1].sigma();
      logSigmas = new float[positive];
      for (int i = 0; i < positive; i++) {
        logSigmas[i] = (float) Math.log((float) levels[i].sigma());
      }
    }

    @Override
    INDArray toMiddle(Transition step, INDArray x, Supplier<INDArray> noise) {
      if (path == null) {
        path = new BrownianTree(seed, lowest, highest, x.shape());
      }
      int i = step.index() / 2;
      float middle = logSigmas[i] + (logSigmas[i + 1] - logSigmas[i]) * 0.5f;
      return path.noise(sigma(i), (float) Math.exp(middle));
    }

    @Override
    INDArray whole(Transition step, INDArray toMiddle, Supplier<INDArray> noise) {
      int i = step.index() / 2;
      return Objects.requireNonNull(path).noise(sigma(i), sigma(i + 1));
    }

    private double sigma(int i) {
      return (float) Math.exp(logSigmas[i]);
    }
  }
}
