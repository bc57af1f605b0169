package org.diffusion4j.examples;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The options of the examples that train; each example sets its own defaults. */
final class TrainingOptions {

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Training steps (${DEFAULT-VALUE}).")
  int steps;

  @Option(
      names = "--batch",
      converter = Positive.class,
      description = "Samples in a training step (${DEFAULT-VALUE}).")
  int batch;

  @Option(
      names = "--learning-rate",
      description = "Learning rate at the start; it falls to 0 in a line (${DEFAULT-VALUE}).")
  double learningRate;

  @Option(names = "--seed", description = "Of all that is random (${DEFAULT-VALUE}).")
  long seed;

  @Option(names = "--out", description = "Directory for the results (${DEFAULT-VALUE}).")
  Path out;

  TrainingOptions(int steps, int batch, double learningRate, String out) {
    this.steps = steps;
    this.batch = batch;
    this.learningRate = learningRate;
    this.out = Path.of(out);
  }
}
