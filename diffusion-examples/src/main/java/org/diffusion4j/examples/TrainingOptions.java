package org.diffusion4j.examples;

import java.nio.file.Path;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.LearningRates;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.schedule.ISchedule;
import picocli.CommandLine.Option;

/** The options of the examples that train; each example sets its own defaults. */
final class TrainingOptions {

  private static final int WARM_UP = 50;

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Training steps (${DEFAULT-VALUE}).")
  int steps;

  @Option(
      names = "--batch",
      converter = Positive.class,
      description = "Batch size (${DEFAULT-VALUE}).")
  int batch;

  @Option(
      names = "--learning-rate",
      description = "Maximum learning rate, with warm-up and cosine decay to 0 (${DEFAULT-VALUE}).")
  double learningRate;

  @Option(names = "--ema", description = "Decay of the average of the weights (${DEFAULT-VALUE}).")
  double ema;

  @Option(
      names = "--preview-steps",
      converter = Positive.class,
      description = "Number of steps between previews, written to previews/ (no previews).")
  @Nullable Integer previewSteps;

  @Option(names = "--seed", description = "Seed of all random numbers (${DEFAULT-VALUE}).")
  long seed;

  @Option(names = "--out", description = "Directory for the results (${DEFAULT-VALUE}).")
  Path out;

  TrainingOptions(int steps, int batch, double learningRate, double ema, String out) {
    this.steps = steps;
    this.batch = batch;
    this.learningRate = learningRate;
    this.ema = ema;
    this.out = Path.of(out);
  }

  /** A trainer with all these options. */
  DiffusionTrainer.Builder trainer(SameDiffDenoiser model) {
    return trainer(model, steps);
  }

  /** A trainer of which the rate falls to 0 in some of the steps. */
  DiffusionTrainer.Builder trainer(SameDiffDenoiser model, int some) {
    ISchedule rate = LearningRates.cosine(learningRate, some);
    return DiffusionTrainer.builder(model)
        .optimizer(Optimizer.adam(LearningRates.warmUp(Math.min(WARM_UP, some), rate)))
        .ema(ema)
        .seed(seed);
  }
}
