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
final class DpmSdeSampler extends LoopSampler<DpmSdeSampler, LoopSampler.Options> {

  private DpmSdeSampler(Options options) {
    super(options, DpmSdeSampler::new);
  }

  DpmSdeSampler(Timesteps timesteps) {
    this(new Options(timesteps));
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
    return new TwoStages();
  }

  private static final class TwoStages implements Run {

    private @Nullable INDArray start;
    private @Nullable INDArray draw;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      if (step.last()) {
        return Flow.euler(x, estimate.x0(), step.from(), step.to().sigma(), step.to());
      }
      if (start == null) {
        start = x.dup();
        draw = noise.get();
        return ancestral(x, estimate.x0(), step, draw);
      }
      double from = step.from().sigma();
      double first = Math.sqrt((from - step.at().sigma()) / (from - step.to().sigma()));
      double second = Math.sqrt(1 - first * first);
      try (INDArray rest = noise.get();
          INDArray whole = Elements.combine(first, Objects.requireNonNull(draw), second, rest)) {
        return ancestral(Objects.requireNonNull(start), estimate.x0(), step, whole);
      } finally {
        close();
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
}
