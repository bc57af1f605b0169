package org.diffusion4j.benchmarks;

import java.util.Locale;

/** The operation that is timed. */
enum Mode {
  /** A prediction, without gradients. */
  INFER,
  /** A training step: forward, mean squared error, backward, Adam. */
  TRAIN;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
