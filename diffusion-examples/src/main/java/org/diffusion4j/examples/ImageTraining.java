package org.diffusion4j.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.Trainer;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.TrainingListeners;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Trains a U-Net on images, class-conditionally if they have labels; saves the model, samples and
 * charts of the training.
 */
final class ImageTraining {

  private static final double LABEL_DROPOUT = 0.1;

  /** Of the logarithm of the noise levels in training: Karras et al. 2022, table 1. */
  private static final double EDM_MEAN = -1.2;

  private static final double EDM_DEVIATION = 1.2;

  private static final int COLUMNS = 10;
  private static final int PREVIEWED = 4;
  private static final int PREVIEW_STEPS = 20;
  private static final int FRAMES = 12;
  private static final int SHOWN = 8;
  private static final int CLASSES_SHOWN = 100;

  private final SampleSource data;
  private final UNetConfig network;
  private final SchedulerConfig scheduler;
  private final TrainingOptions options;
  private final @Nullable Checkpoints checkpoints;
  private final DataType weights;
  private final int samplingSteps;
  private final PrintWriter out;

  ImageTraining(
      SampleSource data,
      UNetConfig network,
      SchedulerConfig scheduler,
      TrainingOptions options,
      @Nullable Checkpoints checkpoints,
      DataType weights,
      int samplingSteps,
      PrintWriter out) {
    this.data = data;
    this.network = network;
    this.scheduler = scheduler;
    this.options = options;
    this.checkpoints = checkpoints;
    this.weights = weights;
    this.samplingSteps = samplingSteps;
    this.out = out;
  }

  /**
   * The process that the prediction belongs to; if to any, the cosine schedule, which destroys
   * small images more slowly than the linear one. Samplers start at the last timestep and clip
   * predicted images to [-1, 1].
   */
  static SchedulerConfig scheduler(int steps, Prediction prediction) {
    NoiseSchedule schedule =
        switch (prediction) {
          case FLOW -> NoiseSchedule.flow(steps);
          case EDM -> NoiseSchedule.edm(steps);
          default -> NoiseSchedule.cosine(steps);
        };
    return SchedulerConfig.of(schedule, prediction)
        .with("clip_sample", true)
        .with("timestep_spacing", "trailing");
  }

  /** Writes {@code model/}, {@code loss.png}, {@code samples.png} and {@code denoising.png}. */
  void run() throws IOException {
    Path directory = Files.createDirectories(options.out);
    try (UNet model =
        UNet.create(network, scheduler.schedule(), scheduler.prediction(), options.seed)) {
      out.printf(Locale.ROOT, "data     %s%n", data);
      if (data.classes() > 0) {
        out.printf(Locale.ROOT, "classes  %s%n", classes());
      }
      out.printf(Locale.ROOT, "model    U-Net of %,d weights%n", model.parameterCount());
      Path log = directory.resolve("training.csv");
      train(model, log);
      PretrainedModel trained =
          PretrainedModel.of(model).withScheduler(scheduler).withProvenance(provenance());
      trained.save(directory.resolve("model"), weights);
      Pictures.write(directory.resolve("loss.png"), TrainingCharts.of(TrainingLog.read(log)));
      draw(directory, trained);
    }
    out.printf(Locale.ROOT, "written  %s%n", directory.resolve("{samples,denoising,loss}.png"));
    out.printf(Locale.ROOT, "         %s%n", directory.resolve("model"));
    out.flush();
  }

  /** The class of each label. */
  private String classes() {
    List<String> names = data.classNames();
    String first =
        IntStream.range(0, Math.min(CLASSES_SHOWN, names.size()))
            .mapToObj(i -> i + " = " + Shown.text(names.get(i)))
            .collect(Collectors.joining(", "));
    int more = names.size() - CLASSES_SHOWN;
    return more > 0 ? first + " and " + more + " more" : first;
  }

  private void train(UNet model, Path log) throws IOException {
    DiffusionTrainer.Builder builder = options.trainer(model).maxGradientNorm(1);
    if (model.hasNullClass()) {
      builder.labelDropout(LABEL_DROPOUT);
    }
    if (scheduler.prediction() == Prediction.EDM) {
      builder.logNormalLevels(EDM_MEAN, EDM_DEVIATION);
    }
    if (options.previewSteps != null) {
      builder.preview(options.previewSteps, this::preview);
    }
    if (checkpoints != null) {
      builder.checkpoints(checkpoints.describedBy(scheduler, provenance()));
    }
    Trainer.Report report;
    try (DiffusionTrainer trainer = builder.build();
        SampleIterator batches =
            SampleIterator.of(data, options.batch).shuffle(options.seed).build().prefetched(2);
        TrainingListeners.FileListener csv = TrainingListeners.csv(log)) {
      long done = checkpoints == null ? 0 : trainer.resume();
      if (done > 0) {
        out.printf(Locale.ROOT, "resumed  at step %d%n", done);
      }
      try (Progress progress = new Progress("training", done, options.steps, out)) {
        report = trainer.trainTo(batches, options.steps, csv.andThen(progress.training()));
      }
      trainer.useAverage();
    }
    out.printf(
        Locale.ROOT,
        "trained  %d steps in %d s, loss %.4f%n",
        report.steps(),
        report.duration().toSeconds(),
        report.meanLoss());
  }

  /** Draws samples during training, from the same noise each time. */
  private void preview(SameDiffDenoiser model, long step) {
    int count = PREVIEWED * COLUMNS;
    SamplingRequest request =
        SamplingRequest.builder(count)
            .seed(options.seed)
            .condition(cycling(count, model.classes()))
            .build();
    int steps = Math.min(PREVIEW_STEPS, scheduler.schedule().steps());
    try (SamplingResult result =
        NamedSampler.DDIM.sampler(scheduler, steps).sample(model, request)) {
      Path folder = Files.createDirectories(options.out.resolve("previews"));
      String name = String.format(Locale.ROOT, "step-%08d.png", step);
      Pictures.write(folder.resolve(name), Pictures.grid(result.samples(), COLUMNS));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Provenance provenance() {
    return Provenance.ofThisLibrary()
        .with("data", data.description())
        .with("steps", options.steps)
        .with("batch", options.batch)
        .with("optimizer", "Adam, learning rate " + options.learningRate + ", warm-up, cosine to 0")
        .with("weights", "exponential average, decay " + options.ema)
        .with("seed", options.seed)
        .with("date", LocalDate.now(ZoneOffset.UTC));
  }

  private void draw(Path directory, PretrainedModel trained) throws IOException {
    UNet model = (UNet) trained.model();
    int count = COLUMNS * COLUMNS;
    List<INDArray> frames = new ArrayList<>();
    Sampler sampler = Samplers.ddpm(trained.scheduler(), samplingSteps);
    try (Progress progress = new Progress("sampling", samplingSteps, out)) {
      SamplingListener bar = progress.sampling();
      SamplingRequest request =
          SamplingRequest.builder(count)
              .seed(options.seed)
              .batchSize(count)
              .condition(cycling(count, model.classes()))
              .listener(
                  step -> {
                    int frame = frames.size() * (step.steps() - 1) / (FRAMES - 1);
                    if (step.index() >= frame) {
                      frames.add(step.x().get(NDArrayIndex.interval(0, SHOWN)).dup());
                    }
                    bar.onStep(step);
                  })
              .build();
      try (INDArray samples = sampler.sample(model, request).samples();
          INDArray real = pictures(count)) {
        Pictures.write(
            directory.resolve("samples.png"),
            Pictures.sideBySide(
                List.of(
                    new Pictures.Panel("samples of the model", Pictures.grid(samples, COLUMNS)),
                    new Pictures.Panel("real pictures", Pictures.grid(real, COLUMNS)))));
      }
    }
    try (INDArray table = table(frames)) {
      Pictures.write(
          directory.resolve("denoising.png"),
          Pictures.sideBySide(
              List.of(
                  new Pictures.Panel(
                      "from noise to a sample, " + samplingSteps + " steps from left to right",
                      Pictures.grid(table, frames.size())))));
    }
    frames.forEach(INDArray::close);
  }

  /** Every class in turn, so that with ten classes each column of the grid is a class. */
  private static Condition cycling(int count, int classes) {
    return classes == 0
        ? Condition.none()
        : Condition.labels(IntStream.range(0, count).map(i -> i % classes).toArray());
  }

  /** Some random images of the data. */
  private INDArray pictures(int count) {
    return SampleIterator.of(data, count).shuffle(options.seed).build().next().getFeatures();
  }

  /** The frames of each sample in one row: {@code [SHOWN * frames, c, h, w]}. */
  private static INDArray table(List<INDArray> frames) {
    INDArray stacked = Nd4j.stack(1, frames.toArray(INDArray[]::new));
    long[] shape = stacked.shape();
    return stacked.reshape(shape[0] * shape[1], shape[2], shape[3], shape[4]);
  }
}
