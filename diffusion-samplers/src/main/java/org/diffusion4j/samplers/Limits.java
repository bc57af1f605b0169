package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule;

/** Checks of samplers' settings. */
final class Limits {

  private Limits() {}

  static int steps(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + count);
    }
    return count;
  }

  static void order(int order, int max) {
    if (order < 1 || order > max) {
      throw new IllegalArgumentException("order must be in [1, " + max + "] but was " + order);
    }
  }

  static double unitInterval(String name, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException(name + " must be in [0, 1] but was " + value);
    }
    return value;
  }

  static void alphaBar(String name, double value) {
    if (!(value > 0 && value <= 1)) {
      throw new IllegalArgumentException(name + " must be in (0, 1] but was " + value);
    }
  }

  /** Checks that a method that reckons with timesteps is used in discrete time. */
  static void discrete(NoiseSchedule schedule, LoopSampler<?, ?> method) {
    if (schedule.isContinuous()) {
      throw new IllegalArgumentException(
          "schedule must be in discrete time for "
              + method.getClass().getSimpleName()
              + " but was "
              + schedule);
    }
  }
}
