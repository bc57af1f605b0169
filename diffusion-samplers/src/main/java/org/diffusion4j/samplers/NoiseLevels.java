package org.diffusion4j.samplers;

import java.util.List;
import java.util.stream.DoubleStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.jspecify.annotations.Nullable;

/**
 * The noise levels that a sampler visits.
 *
 * @param t the timestep that the denoiser gets at each level except the last
 * @param levels in descending order, one more than {@code t}
 */
record NoiseLevels(double[] t, Level[] levels) {

  private static final double ROUNDING = 1e-9;

  /**
   * @param t the timesteps
   * @param curve of the schedule
   * @param max the highest sigma if noise levels are spaced
   * @param min the lowest sigma then
   * @param n their number then
   * @param other the spacing of noise levels, or null for those of the timesteps
   * @param end the last level
   */
  static NoiseLevels of(
      double[] t,
      SigmaCurve curve,
      double max,
      double min,
      int n,
      @Nullable SigmaLevels other,
      FinalSigma end) {
    double[] sigma = new double[t.length];
    for (int i = 0; i < t.length; i++) {
      sigma[i] = curve.sigma(t[i]);
    }
    double[] times = DoubleStream.of(t).map(curve::time).toArray();
    if (other != null) {
      if (other.list() != null) {
        sigma = other.list();
      } else if (other.spacing() != null) {
        double highest = Double.isNaN(other.max()) ? max : other.max();
        double lowest = Double.isNaN(other.min()) ? min : other.min();
        if (!(lowest > 0 && lowest <= highest && highest < Double.POSITIVE_INFINITY)) {
          throw new IllegalArgumentException(
              "sigmas must be positive and in order but the lowest was "
                  + lowest
                  + " and the highest "
                  + highest);
        }
        sigma = other.spacing().descending(highest, lowest, n);
      }
      times = other.told() != null ? other.told() : times(t, curve, sigma, other);
    }
    Level[] levels = new Level[sigma.length + 1];
    for (int i = 0; i < sigma.length; i++) {
      levels[i] = Level.ofSigma(sigma[i]);
    }
    double last = sigma[sigma.length - 1];
    double least = other == null || Double.isNaN(other.end()) ? curve.min() : other.end();
    if (end == FinalSigma.MIN && last < least * (1 - ROUNDING)) {
      throw new IllegalArgumentException(
          "sigmas must be at least the final one, " + least + ", but the last was " + last);
    }
    levels[sigma.length] = end == FinalSigma.ZERO ? Level.CLEAN : Level.ofSigma(least);
    return new NoiseLevels(times, levels);
  }

  private static double[] times(double[] t, SigmaCurve curve, double[] sigma, SigmaLevels other) {
    boolean ofTimesteps = other.list() == null && other.spacing() == null;
    double[] times = new double[sigma.length];
    for (int i = 0; i < sigma.length; i++) {
      times[i] = other.time().of(ofTimesteps ? curve.time(t[i]) : curve.t(sigma[i]), sigma[i]);
    }
    return times;
  }

  /**
   * The same times with levels that are evenly spaced in the logarithm from the schedule's highest
   * to its lowest.
   */
  NoiseLevels withLogLinear(NoiseSchedule schedule) {
    SigmaCurve curve = new SigmaCurve(schedule);
    double[] sigma = SigmaSpacing.EXPONENTIAL.descending(curve.max(), curve.min(), levels.length);
    return new NoiseLevels(
        t, DoubleStream.of(sigma).mapToObj(Level::ofSigma).toArray(Level[]::new));
  }

  List<Transition> transitions() {
    return Transition.chain(t, levels);
  }
}
