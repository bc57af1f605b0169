package org.diffusion4j.samplers;

/** Where the last step of a method ends that works with noise levels. */
public enum FinalSigma {
  /** At no noise. */
  ZERO,
  /** At the noise of the schedule's first step. */
  MIN
}
