package org.diffusion4j.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Locale;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.Trainer;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.TrainingListeners;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Trains a U-Net that enlarges images: SR3 (Saharia et al. 2021), with noise on the condition (Ho
 * et al. 2022, Cascaded Diffusion Models).
 *
 * @param images at the higher resolution
 * @param factor between the resolutions
 * @param base channels of the first level
 * @param noise the highest timestep of the condition's noise
 * @param weights how weights are written
 */
record EnlargeTraining(
    SampleSource images,
    int factor,
    int base,
    int noise,
    DataType weights,
    TrainingOptions options,
    PrintWriter out) {

  private static final int TIMESTEPS = 200;
  private static final int WIDTH = 32;
  private static final int MINUTES = 5;

  /** Trains and saves a model, or continues to. */
  void run(Path directory) throws IOException {
    SchedulerConfig scheduler = ImageTraining.scheduler(TIMESTEPS, Prediction.VELOCITY);
    SampleSource data = images.enlarging(factor);
    out.printf(Locale.ROOT, "data     %s%n", data);
    try (UNet model = network().create(scheduler, options.seed)) {
      out.printf(Locale.ROOT, "model    U-Net of %,d weights%n", model.parameterCount());
      train(model, data);
      PretrainedModel.of(model).withProvenance(provenance(data)).save(directory, weights);
      out.printf(Locale.ROOT, "written  %s%n", directory);
      out.flush();
    }
  }

  private UNetConfig network() {
    long[] shape = images.sampleShape();
    UNetConfig wide = ImagesCommand.network((int) shape[0], (int) shape[1], (int) shape[2], 0);
    return wide.toBuilder()
        .pictureChannels((int) shape[0])
        .blockOutChannels(
            wide.blocks().channels().stream()
                .map(channels -> channels / WIDTH * base)
                .toArray(Integer[]::new))
        .build();
  }

  private void train(UNet model, SampleSource data) throws IOException {
    Checkpoints checkpoints =
        Checkpoints.in(options.out.resolve("checkpoints")).every(Duration.ofMinutes(MINUTES));
    try (DiffusionTrainer trainer =
            options
                .trainer(model)
                .maxGradientNorm(1)
                .pictureNoise(noise)
                .checkpoints(checkpoints)
                .build();
        SampleIterator batches =
            SampleIterator.of(data, options.batch)
                .shuffle(options.seed)
                .flip(options.seed)
                .build()
                .prefetched(2);
        TrainingListeners.FileListener csv =
            TrainingListeners.csv(options.out.resolve("training.csv"))) {
      long done = trainer.resume();
      try (Progress progress = new Progress("training", done, options.steps, out)) {
        Trainer.Report report =
            trainer.trainTo(batches, options.steps, csv.andThen(progress.training()));
        out.printf(
            Locale.ROOT,
            "trained  %d steps in %d s, loss %.4f%n",
            report.steps(),
            report.duration().toSeconds(),
            report.meanLoss());
      }
      trainer.useAverage();
    }
  }

  private Provenance provenance(SampleSource data) {
    return Provenance.ofThisLibrary()
        .with("data", data.description())
        .with("steps", options.steps)
        .with("batch", options.batch)
        .with("optimizer", "Adam, learning rate " + options.learningRate + ", warm-up, cosine to 0")
        .with("weights", "exponential average, decay " + options.ema)
        .with("picture_noise", noise)
        .with("seed", options.seed)
        .with("date", LocalDate.now(ZoneOffset.UTC));
  }
}
