package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Predictor-corrector sampling of the process that explodes variance: Song et al. 2021, algorithms
 * 2 and 4. At each noise level some steps of Langevin dynamics, then a step of the reverse
 * diffusion to the next. The last step adds no noise.
 */
final class PredictorCorrectorSampler
    extends LoopSampler<PredictorCorrectorSampler, PredictorCorrectorSampler.Options> {

  static final class Options extends LoopSampler.Options {

    private int corrections = 1;
    private double ratio = 0.16;
    private double @Nullable [] grid;
    private boolean meanNorms;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private PredictorCorrectorSampler(Options options) {
    super(options, PredictorCorrectorSampler::new);
  }

  PredictorCorrectorSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /** A copy with another number of corrector steps per level; 1 is the default. */
  PredictorCorrectorSampler withCorrections(int steps) {
    if (steps < 0) {
      throw new IllegalArgumentException("corrections must be at least 0 but were " + steps);
    }
    return with(o -> o.corrections = steps);
  }

  /**
   * A copy with another signal-to-noise ratio r of the corrector, which determines its step; 0.16
   * is the default, as in the paper.
   */
  PredictorCorrectorSampler withRatio(double r) {
    if (!(r > 0 && r < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("ratio of the corrector must be positive but was " + r);
    }
    return with(o -> o.ratio = r);
  }

  /**
   * A copy whose predictor takes the variances of its steps from other noise levels than those at
   * which the denoiser is called.
   *
   * @param sigmas descending, one per step; the last step leads to 0
   */
  PredictorCorrectorSampler withGrid(double... sigmas) {
    double[] copy = Arrays.copyOf(sigmas, sigmas.length + 1);
    return with(o -> o.grid = copy);
  }

  /** A copy whose corrector takes the means of a batch's norms, so that samples depend on it. */
  PredictorCorrectorSampler withMeanNorms() {
    return with(o -> o.meanNorms = true);
  }

  @Override
  String described() {
    return ", corrections=" + options.corrections + ", ratio=" + options.ratio;
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    List<Transition> stages = new ArrayList<>();
    NoiseLevels levels = options.timesteps.nodes(schedule, FinalSigma.ZERO);
    for (Transition step : levels.transitions()) {
      Level from = step.from();
      for (int k = 0; k < options.corrections; k++) {
        stages.add(Transition.of(stages.size(), step.t(), from, from, false));
      }
      stages.add(Transition.of(stages.size(), step.t(), from, step.to(), step.last()));
    }
    return stages;
  }

  @Override
  int stages() {
    return options.corrections + 1;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return (step, estimate, x, noise) ->
        (step.index() + 1) % stages() == 0
            ? predicted(step, estimate, x, noise)
            : corrected(step, estimate, x, noise);
  }

  /** The reverse diffusion, algorithm 2: {@code x + (sigma^2 - sigma'^2) score} and noise. */
  private INDArray predicted(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    double[] grid = options.grid;
    int k = step.index() / stages();
    double from = grid == null ? step.from().sigma() : grid[k];
    double to = grid == null ? step.to().sigma() : grid[k + 1];
    double variance = from * from - to * to;
    double signal = step.to().signal();
    INDArray next =
        Elements.combine(
            signal / step.from().signal(),
            x,
            -signal * variance / step.at().sigma(),
            estimate.epsilon());
    return step.last() ? next : Linear.addNoise(next, signal * Math.sqrt(variance), noise);
  }

  /**
   * Langevin dynamics, algorithm 4: {@code x + h score + sqrt(2 h) z} with {@code h = 2 (r |z| /
   * |score|)^2}. Noise and predicted noise have about the same norm, so that h is {@code 2 (r
   * sigma)^2}; the means of their norms over a batch would let samples depend on each other.
   */
  private INDArray corrected(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    double signal = step.from().signal();
    double sigma = step.at().sigma();
    try (INDArray draw = noise.get()) {
      float[] next = values(x);
      float[] z = values(draw);
      float[] epsilon = values(estimate.epsilon());
      int n = Math.toIntExact(x.size(0));
      int length = next.length / n;
      double[] ofNoise = norms(z, n);
      double[] ofScore = norms(epsilon, n);
      for (int i = 0; i < n; i++) {
        double root = options.ratio * ofNoise[i] / (ofScore[i] / sigma);
        double h = 2 * root * root;
        for (int k = i * length; k < (i + 1) * length; k++) {
          double moved = -h * epsilon[k] / sigma + Math.sqrt(2 * h) * z[k];
          next[k] = (float) (next[k] + signal * moved);
        }
      }
      return Nd4j.create(next, x.shape(), 'c');
    }
  }

  /** The norms of samples of noise: all the expected one, or the mean of theirs. */
  private double[] norms(float[] values, int n) {
    double[] norms = new double[n];
    int length = values.length / n;
    Arrays.fill(norms, Math.sqrt(length));
    if (options.meanNorms) {
      for (int i = 0; i < n; i++) {
        double squares = 0;
        for (int k = i * length; k < (i + 1) * length; k++) {
          squares += (double) values[k] * values[k];
        }
        norms[i] = Math.sqrt(squares);
      }
      Arrays.fill(norms, Arrays.stream(norms).average().orElseThrow());
    }
    return norms;
  }

  private static float[] values(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }
}
