package org.diffusion4j.training;

import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;

/**
 * The reverse step p(x_{t-1} | x_t) of a model at a timestep, compared with q(x_{t-1} | x_t, x_0),
 * elementwise. Both are normal, and their means are those of equation 7 of DDPM (Ho et al. 2020) at
 * the model's x_0 and at the true one.
 */
final class ReverseStep {

  private final int t;
  private final double xtShare;
  private final double outputShare;
  private final double x0Share;
  private final double posteriorVariance;
  private final double logPosteriorVariance;
  private final double logBeta;

  ReverseStep(NoiseSchedule schedule, Prediction prediction, int t) {
    this.t = t;
    Level level = schedule.level(t);
    if (level.scale() != 1) {
      throw new IllegalArgumentException(
          "the bound must be of a process that preserves variance but this was " + schedule);
    }
    double determinant =
        level.signal() * prediction.ofEpsilon(level) - level.noise() * prediction.ofX0(level);
    if (determinant == 0) {
      throw new IllegalArgumentException(
          "alphaBar must be above 0 for the bound of a model that predicts "
              + prediction
              + " but was 0 at timestep "
              + t);
    }
    xtShare = prediction.ofEpsilon(level) / determinant;
    outputShare = -level.noise() / determinant;
    double alphaBar = schedule.alphaBar(t);
    x0Share = Math.sqrt(schedule.alphaBar(t - 1)) * schedule.beta(t) / (1 - alphaBar);
    // The variance of timestep 0 is 0; the authors of Improved DDPM replace its logarithm by the
    // next one.
    double first = schedule.steps() > 1 ? schedule.posteriorVariance(1) : schedule.beta(0);
    posteriorVariance = t == 0 ? first : schedule.posteriorVariance(t);
    logPosteriorVariance = Math.log(posteriorVariance);
    logBeta = Math.log(schedule.beta(t));
  }

  static ReverseStep[] of(NoiseSchedule schedule, Prediction prediction, int[] t) {
    ReverseStep[] steps = new ReverseStep[t.length];
    for (int i = 0; i < t.length; i++) {
      steps[i] = new ReverseStep(schedule, prediction, t[i]);
    }
    return steps;
  }

  /** The reverse steps of all timesteps. */
  static ReverseStep[] all(Denoiser model) {
    int[] t = new int[model.schedule().steps()];
    for (int i = 0; i < t.length; i++) {
      t[i] = i;
    }
    return of(model.schedule(), model.prediction(), t);
  }

  /** Whether this step leads to the clean sample. */
  boolean isLast() {
    return t == 0;
  }

  /** The clean value that follows from the model's output; also the mean of the last step. */
  double x0(double xt, double output) {
    return xtShare * xt + outputShare * output;
  }

  double logBeta() {
    return logBeta;
  }

  double logPosteriorVariance() {
    return logPosteriorVariance;
  }

  /**
   * The logarithm of the learned variance: Improved DDPM (Nichol and Dhariwal 2021), equation 15,
   * whose v in [0, 1] is {@code (v + 1) / 2} here.
   */
  double logVariance(double v) {
    return 0.5 * ((1 + v) * logBeta + (1 - v) * logPosteriorVariance);
  }

  /** The derivative of {@link #logVariance} with respect to v. */
  double logVarianceSlope() {
    return 0.5 * (logBeta - logPosteriorVariance);
  }

  /** The expected squared deviation from the true mean, divided by the step's variance. */
  double ratio(double x0, double estimate, double logVariance) {
    double distance = x0Share * (x0 - estimate);
    return (posteriorVariance + distance * distance) * Math.exp(-logVariance);
  }

  /** KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) of one value. */
  double nats(double ratio, double logVariance) {
    return 0.5 * (logVariance - logPosteriorVariance - 1 + ratio);
  }

  /**
   * The derivative of {@link #nats} with respect to the logarithm of the variance, for a fixed
   * mean.
   */
  static double slope(double ratio) {
    return 0.5 * (1 - ratio);
  }
}
