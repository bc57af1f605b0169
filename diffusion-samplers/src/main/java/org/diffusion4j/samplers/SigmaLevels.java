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
 */
record SigmaLevels(
    @Nullable SigmaSpacing spacing,
    double @Nullable [] list,
    double min,
    double max,
    SigmaTime time) {

  static SigmaLevels of(SigmaSpacing spacing) {
    return new SigmaLevels(spacing, null, Double.NaN, Double.NaN, SigmaTime.BETWEEN);
  }

  /** The levels of the timesteps, with other timesteps for the denoiser. */
  static SigmaLevels ofTimesteps(SigmaTime time) {
    return new SigmaLevels(null, null, Double.NaN, Double.NaN, time);
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
    return new SigmaLevels(null, descending.clone(), Double.NaN, Double.NaN, SigmaTime.BETWEEN);
  }

  SigmaLevels withRange(double lowest, double highest) {
    return new SigmaLevels(spacing, list, lowest, highest, time);
  }

  SigmaLevels withTime(SigmaTime which) {
    return new SigmaLevels(spacing, list, min, max, which);
  }

  @Override
  public String toString() {
    String what = list != null ? Arrays.toString(list) : String.valueOf(spacing);
    return "sigmas " + what + (time == SigmaTime.BETWEEN ? "" : ", t " + time);
  }
}
