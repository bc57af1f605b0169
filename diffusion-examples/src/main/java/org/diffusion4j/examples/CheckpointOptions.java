package org.diffusion4j.examples;

import java.nio.file.Path;
import java.time.Duration;
import org.diffusion4j.training.Checkpoints;
import picocli.CommandLine.Option;

/** The option of the examples whose trainings can be stopped and resumed. */
final class CheckpointOptions {

  @Option(
      names = "--checkpoint-minutes",
      converter = Positive.class,
      description =
          "Time between checkpoints, from which the same command resumes (${DEFAULT-VALUE}).")
  private int minutes = 10;

  /** Checkpoints in a folder. */
  Checkpoints in(Path folder) {
    return Checkpoints.in(folder).every(Duration.ofMinutes(minutes));
  }
}
