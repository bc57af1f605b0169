package org.diffusion4j.training;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.Mlp;

/** The program that {@link KillTest} kills: a small training that says how far it is. */
final class KilledTraining {

  static final int STEPS_BETWEEN_CHECKPOINTS = 4;

  private KilledTraining() {}

  /** Where a training writes its checkpoints. */
  static Path checkpoints(Path directory) {
    return directory.resolve("checkpoints");
  }

  /** Where a training writes its rows. */
  static Path csv(Path directory) {
    return directory.resolve("training.csv");
  }

  /**
   * Resumes a training or begins it.
   *
   * @param args directory of all its files, and the number of its steps
   */
  public static void main(String[] args) throws IOException {
    Path directory = Path.of(args[0]);
    try (Mlp model = Mlp.create(new Mlp.Config(2, 16, 2), NoiseSchedule.linear(50), 1);
        CsvTrainingListener csv = CsvTrainingListener.open(csv(directory));
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(
                    Optimizer.adamW(LearningRates.warmUp(50, LearningRates.constant(0.01)), 0.01))
                .ema(0.99)
                .maxGradientNorm(1)
                .validation(data(1000, 11), 10)
                .checkpoints(
                    Checkpoints.in(checkpoints(directory))
                        .everySteps(STEPS_BETWEEN_CHECKPOINTS)
                        .keepLast(2))
                .seed(9)
                .build()) {
      say("resumed", trainer.resume());
      trainer.trainTo(data(0, 38), Long.parseLong(args[1]), csv.andThen(new Reporter()));
      say("done", trainer.steps());
    }
  }

  /** Batches of 4, of which the last of an epoch is smaller. */
  private static SampleIterator data(int first, int samples) {
    double[][] rows = new double[samples][2];
    for (int i = 0; i < samples; i++) {
      rows[i][0] = (float) Math.sin(first + i);
      rows[i][1] = (float) Math.cos(3 * (first + i));
    }
    return SampleIterator.of(SampleSource.ofVectors(rows), 4).shuffle(3).build();
  }

  private static void say(String what, long step) {
    System.out.println(what + " " + step);
    System.out.flush();
  }

  private static final class Reporter implements TrainingListener {
    @Override
    public void onStep(TrainingListener.Step step) {
      say("step", step.index() + 1);
    }

    @Override
    public void onCheckpoint(long step, Path directory) {
      say("checkpoint", step);
    }
  }
}
