package org.diffusion4j.benchmarks;

/** Where contestants run. */
@FunctionalInterface
interface Stage {

  /** Runs a contestant once. */
  Measurement run(Contestant contestant, Case what);
}
