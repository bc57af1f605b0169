package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.training.TrainingListeners;
import org.diffusion4j.unet.UNet;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.slf4j.LoggerFactory;

/** A training of our U-Net on shuffled random images, bare or full. */
final class TrainingRun implements AutoCloseable {

  private static final int BATCHES = 20;
  private static final int TIMESTEPS = 1000;
  private static final int STEPS_BETWEEN_LINES = 50;

  /** A part of a training that must be closed. */
  private interface Part extends AutoCloseable {
    @Override
    void close() throws IOException;
  }

  private final UNet model;
  private final DiffusionTrainer trainer;
  private final DataSetIterator data;
  private final TrainingListener listener;
  private final Part part;

  private TrainingRun(
      DiffusionTrainer.Builder builder,
      UNet model,
      DataSetIterator data,
      TrainingListener listener,
      Part part) {
    this.model = model;
    this.trainer = builder.optimizer(Optimizer.adam(2e-4)).build();
    this.data = data;
    this.listener = listener;
    this.part = part;
  }

  /** A bare training: only Adam. */
  static TrainingRun bare(Net net, int batch) {
    UNet model = model(net);
    return new TrainingRun(
        DiffusionTrainer.builder(model),
        model,
        pictures(net, batch),
        TrainingListener.NONE,
        () -> {});
  }

  /**
   * A full training: average of the weights, clipping, prefetching, a CSV file with a row per step,
   * and a log line every {@value #STEPS_BETWEEN_LINES} steps.
   *
   * @param directory for the CSV file and checkpoints
   * @param stepsBetweenCheckpoints number of steps between checkpoints, or 0 for no checkpoints
   */
  static TrainingRun full(Net net, int batch, Path directory, int stepsBetweenCheckpoints)
      throws IOException {
    TrainingListeners.FileListener csv = TrainingListeners.csv(directory.resolve("training.csv"));
    TrainingListener log =
        TrainingListeners.logging(LoggerFactory.getLogger(TrainingRun.class), STEPS_BETWEEN_LINES);
    SampleIterator data = pictures(net, batch).prefetched(2);
    UNet model = model(net);
    DiffusionTrainer.Builder builder =
        DiffusionTrainer.builder(model).ema(0.9999).maxGradientNorm(1);
    if (stepsBetweenCheckpoints > 0) {
      builder.checkpoints(
          Checkpoints.in(directory.resolve("checkpoints")).everySteps(stepsBetweenCheckpoints));
    }
    return new TrainingRun(
        builder,
        model,
        data,
        csv.andThen(log),
        () -> {
          data.close();
          csv.close();
        });
  }

  private static UNet model(Net net) {
    return UNet.create(net.unet(), NoiseSchedule.linear(TIMESTEPS), 1);
  }

  private static SampleIterator pictures(Net net, int batch) {
    try (INDArray pictures = OurNetwork.pictures(net, BATCHES * batch)) {
      return SampleIterator.of(SampleSource.of(pictures), batch).shuffle(1).build();
    }
  }

  /** The estimated memory of a step in MB, without the weights. */
  long foreseenMb() {
    return model.gradientBytes(data.batch()).orElse(0) >> 20;
  }

  void train(int steps, TrainingListener watcher) {
    trainer.train(data, steps, listener.andThen(watcher));
  }

  @Override
  public void close() {
    trainer.close();
    model.close();
    try {
      part.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
