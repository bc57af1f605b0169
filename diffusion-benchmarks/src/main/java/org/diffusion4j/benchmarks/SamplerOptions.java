package org.diffusion4j.benchmarks;

import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Samplers;
import picocli.CommandLine.Option;

/** How pictures are drawn that are compared with real ones. */
final class SamplerOptions {

  @Option(
      names = "--sampler",
      defaultValue = "ddim",
      description = "A name of Samplers.names(); default ddim.")
  private String sampler = "ddim";

  @Option(
      names = "--steps",
      defaultValue = "25",
      converter = AtLeastOne.class,
      description = "Sampling steps; default 25.")
  private int steps;

  @Option(names = "--seed", defaultValue = "1", description = "Seed of all draws; default 1.")
  private long seed;

  long seed() {
    return seed;
  }

  /** The sampler, with the correction of a model's scheduler. */
  Sampler of(SchedulerConfig scheduler) {
    return Samplers.named(sampler, steps, Samplers.correction(scheduler));
  }

  @Override
  public String toString() {
    return sampler + ", " + steps + " steps, seed " + seed;
  }
}
