package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Strategic stochastic sampling of a trajectory consistency model: TCD (Zheng et al. 2024),
 * algorithm 4. Each step goes below the next noise level, and noise is added up to it. For networks
 * that were distilled for this method.
 */
final class TcdSampler extends LoopSampler<TcdSampler, TcdSampler.Options> {

  private static final int DISTILLED = 50;
  private static final double USUAL_ETA = 0.3;

  static final class Options extends LoopSampler.Options {

    private final double eta;

    private Options(Timesteps timesteps, double eta) {
      super(timesteps);
      this.eta = Limits.unitInterval("eta", eta);
    }
  }

  private TcdSampler(Options options) {
    super(options, TcdSampler::new);
  }

  /**
   * With evenly spaced steps among the usual 50 of the distillation, and eta 0.3.
   *
   * @param steps in [1, 50]
   */
  TcdSampler(int steps) {
    this(Timesteps.distilled(steps, DISTILLED), USUAL_ETA);
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit
   * @param eta how far each step goes below the next timestep, in [0, 1]: 0 is deterministic, 1
   *     goes to the clean samples; gamma in the paper
   */
  TcdSampler(Timesteps timesteps, double eta) {
    this(new Options(timesteps, eta));
  }

  @Override
  String described() {
    return ", eta=" + options.eta;
  }

  /** The last step ends at timestep 0, as in the distillation. */
  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.down(schedule, Level.of(schedule.alphaBar(0)));
  }

  /** The end of each step before noise is added: {@code floor((1 - eta) t)}. */
  private List<Level> below(NoiseSchedule schedule) {
    List<Level> levels = new ArrayList<>();
    int[] t = options.timesteps.descending(schedule);
    for (int i = 0; i < t.length; i++) {
      int next = i + 1 < t.length ? t[i + 1] : 0;
      levels.add(Level.of(schedule.alphaBar((int) ((1 - options.eta) * next))));
    }
    return levels;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    List<Level> below = below(schedule);
    return (step, estimate, x, noise) -> step(step, below.get(step.index()), estimate, noise);
  }

  private INDArray step(Transition step, Level below, Estimate estimate, Supplier<INDArray> noise) {
    INDArray next =
        Elements.combine(below.signal(), estimate.x0(), below.noise(), estimate.epsilon());
    if (options.eta == 0 || step.last()) {
      return next;
    }
    double kept = step.to().alphaBar() / below.alphaBar();
    try (next) {
      return Linear.addNoise(Elements.times(Math.sqrt(kept), next), Math.sqrt(1 - kept), noise);
    }
  }
}
