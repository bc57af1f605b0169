package org.diffusion4j.benchmarks;

/** Runs contestants. */
@FunctionalInterface
interface Stage {

  /** Runs a contestant once. */
  Measurement run(Contestant contestant, Case what);
}
