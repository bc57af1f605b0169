package org.diffusion4j.samplers;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The noise levels of a sampler that differ from those of its timesteps.
 *
 * @param spacing their spacing, or null for those of a list or of the timesteps
 * @param list the levels, or null
 * @param min the lowest level, or NaN for that of the timesteps
 * @param max the highest level, or NaN for that of the timesteps
 * @param time which timestep the denoiser gets
 * @param told what the denoiser is told at each level of a list, or null if {@code time} says it
 * @param end the level of {@link Timesteps.FinalSigma#MIN}, or NaN for that of timestep 0
 */
record SigmaLevels(
    @Nullable SigmaSpacing spacing,
    double @Nullable [] list,
    double min,
    double max,
    SigmaTime time,
    double @Nullable [] told,
    double end) {

  private SigmaLevels(@Nullable SigmaSpacing spacing, double @Nullable [] list, SigmaTime time) {
    this(spacing, list, Double.NaN, Double.NaN, time, null, Double.NaN);
  }

  static SigmaLevels of(SigmaSpacing spacing) {
    return new SigmaLevels(spacing, null, SigmaTime.BETWEEN);
  }

  /** The levels of the timesteps, with other timesteps for the denoiser. */
  static SigmaLevels ofTimesteps(SigmaTime time) {
    return new SigmaLevels(null, null, time);
  }

  static SigmaLevels list(double... descending) {
    if (descending.length == 0) {
      throw new IllegalArgumentException("sigmas must not be empty");
    }
    for (int i = 0; i < descending.length; i++) {
      double sigma = descending[i];
      if (!(sigma > 0 && sigma < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "sigmas must be positive and finite but one is " + sigma);
      }
      if (i > 0 && !(sigma < descending[i - 1])) {
        throw new IllegalArgumentException(
            "sigmas must decrease strictly but " + sigma + " follows " + descending[i - 1]);
      }
    }
    return new SigmaLevels(null, descending.clone(), SigmaTime.BETWEEN);
  }

  SigmaLevels withRange(double lowest, double highest) {
    return new SigmaLevels(spacing, list, lowest, highest, time, told, end);
  }

  SigmaLevels withTime(SigmaTime which) {
    return new SigmaLevels(spacing, list, min, max, which, told, end);
  }

  SigmaLevels withTold(double... times) {
    return new SigmaLevels(spacing, list, min, max, time, times.clone(), end);
  }

  SigmaLevels withEnd(double sigma) {
    return new SigmaLevels(spacing, list, min, max, time, told, sigma);
  }

  @Override
  public String toString() {
    String what = list != null ? Arrays.toString(list) : String.valueOf(spacing);
    return "sigmas " + what + (time == SigmaTime.BETWEEN ? "" : ", t " + time);
  }
}
