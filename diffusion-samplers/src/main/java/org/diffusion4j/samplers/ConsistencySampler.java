package org.diffusion4j.samplers;

import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Multistep sampling of a consistency model: Song et al. 2023, algorithm 1. Each step predicts
 * clean samples and adds noise of the next level. A network of EDM is made a consistency function
 * by its boundary condition; another denoiser is one itself.
 */
final class ConsistencySampler extends LoopSampler<ConsistencySampler, ConsistencySampler.Options> {

  static final class Options extends LoopSampler.Options {

    private double noise = 1;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private ConsistencySampler(Options options) {
    super(options, ConsistencySampler::new);
  }

  ConsistencySampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /** A copy whose new noise has another standard deviation than 1. */
  ConsistencySampler withNoise(double deviation) {
    if (!(deviation >= 0 && deviation < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("noise must be at least 0 but was " + deviation);
    }
    return with(o -> o.noise = deviation);
  }

  @Override
  String described() {
    return ", noise=" + options.noise;
  }

  /** The last step ends at the lowest noise level, at which the function is the identity. */
  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return options.timesteps.down(schedule, Level.ofSigma(schedule.sigma(0)));
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    double min = schedule.sigma(0);
    double in = schedule.levelOfSigma(1).signal();
    double variance = 1 / (in * in) - 1;
    return (step, estimate, x, noise) -> {
      double to = step.to().sigma();
      double added = options.noise * Math.sqrt(Math.max(to * to - min * min, 0));
      double signal = step.to().signal();
      INDArray next;
      try (INDArray x0 = x0(step, estimate, x, min, variance)) {
        next = Elements.times(signal, x0);
      }
      return step.last() ? next : Linear.addNoise(next, signal * added, noise);
    };
  }

  /**
   * The consistency function: Song et al. 2023, equation 5 and appendix C.
   *
   * @param variance sigma_data squared
   */
  private static INDArray x0(
      Transition step, Estimate estimate, INDArray x, double min, double variance) {
    if (estimate.prediction() != Prediction.EDM) {
      return estimate.x0().dup();
    }
    double sigma = step.at().sigma();
    double over = sigma - min;
    double skip = variance / (over * over + variance);
    double out = over * Math.sqrt(variance / (sigma * sigma + variance));
    INDArray x0 = Elements.combine(skip / step.at().signal(), x, out, estimate.output());
    estimate.correction().correct(x0, x, step.at());
    return x0;
  }
}
