package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Loss;
import org.diffusion4j.training.TrainingListeners;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Consistency distillation (Song et al. 2023), or consistency tuning: ECT (Geng et al. 2024). */
@Command(
    name = "tune",
    description = "Tunes a trained model to one and two steps.",
    mixinStandardHelpOptions = true)
final class TuneCommand extends ExampleCommand {

  private static final int COLUMNS = 10;
  private static final int STEPS = 16;

  @Mixin
  private final TrainingOptions training = new TrainingOptions(1800, 64, 1e-3, 0.995, "out/tune");

  @Mixin private final ModelOption model = new ModelOption();

  @Mixin private final IdxOptions images = new IdxOptions();

  @Option(
      names = "--teacher-steps",
      converter = Positive.class,
      description =
          "Steps in which Heun's method follows the probability flow of the teacher, the model"
              + " before tuning ("
              + STEPS
              + ").")
  private @Nullable Integer teacherSteps;

  @Option(
      names = "--stages",
      split = ",",
      description =
          "Tunes without a teacher: how close the noise levels are that are compared, one number in"
              + " [0, 1) for each stage, which has its share of the steps; for example"
              + " 0.5,0.75,0.875,0.9375, with a learning rate of 3e-4.")
  private List<Double> stages = List.of();

  @Option(
      names = "--bfloat16",
      description = "Compute the teacher's convolutions in bfloat16: faster.")
  private boolean bfloat16;

  @Mixin private final CheckpointOptions checkpoints = new CheckpointOptions();

  @Mixin private final HalfOption half = new HalfOption();

  @Override
  public Integer call() throws IOException {
    require(
        training.steps >= stages.size(),
        "--steps must be at least one for each of --stages but were " + training.steps);
    require(
        stages.stream().allMatch(closeness -> closeness >= 0 && closeness < 1),
        "--stages must be in [0, 1) but were " + stages);
    require(
        stages.isEmpty() || (teacherSteps == null && !bfloat16),
        "--teacher-steps and --bfloat16 must not be given with --stages, which tune without a"
            + " teacher");
    SampleSource source = images.read();
    try (PretrainedModel trained = model.load()) {
      if (stages.isEmpty()) {
        distil(trained.model(), source);
      }
      for (int stage = 0; stage < stages.size(); stage++) {
        Loss loss = Loss.consistency(trained.model(), stages.get(stage));
        int steps = training.steps / stages.size();
        tune(trained.model(), source, new Stage("stage-" + (stage + 1), loss, steps, stage));
      }
      PretrainedModel tuned = trained.withProvenance(provenance(trained, source));
      Path directory = training.out.resolve("model");
      tuned.save(directory, half.weights());
      out().printf(Locale.ROOT, "written  %s%n", directory);
      draw(tuned);
    }
    return 0;
  }

  private void distil(SameDiffDenoiser denoiser, SampleSource source) throws IOException {
    try (PretrainedModel teacher = model.load()) {
      Denoiser shown = bfloat16 ? teacher.model().inBfloat16() : teacher.model();
      Loss loss = Loss.consistencyDistillation(denoiser, shown, teacherSteps());
      tune(denoiser, source, new Stage("distillation", loss, training.steps, 0));
    }
  }

  private int teacherSteps() {
    return teacherSteps == null ? STEPS : teacherSteps;
  }

  /** A part of the training, with an optimizer, a folder and an order of the data of its own. */
  private record Stage(String name, Loss loss, int steps, long order) {}

  /** Starts with the average of the stage before. */
  private void tune(SameDiffDenoiser denoiser, SampleSource source, Stage stage)
      throws IOException {
    Path folder = Files.createDirectories(training.out.resolve(stage.name()));
    try (DiffusionTrainer trainer =
            training
                .trainer(denoiser, stage.steps())
                .loss(stage.loss())
                .maxGradientNorm(1)
                .checkpoints(checkpoints.in(folder).keepLast(1))
                .build();
        SampleIterator batches =
            SampleIterator.of(source, training.batch)
                .shuffle(training.seed + stage.order())
                .build()
                .prefetched(2);
        TrainingListeners.FileListener csv =
            TrainingListeners.csv(folder.resolve("training.csv"))) {
      long done = trainer.resume();
      try (Progress progress = new Progress(stage.name(), done, stage.steps(), out())) {
        trainer.trainTo(batches, stage.steps(), csv.andThen(progress.training()));
      }
      trainer.useAverage();
    }
  }

  private Provenance provenance(PretrainedModel trained, SampleSource source) {
    return trained
        .provenance()
        .with(
            "tuned",
            stages.isEmpty()
                ? "consistency distillation, " + teacherSteps() + " steps"
                : "consistency, closeness " + stages)
        .with("tuned_on", source.description())
        .with("tuning_steps", training.steps)
        .with("tuning_batch", training.batch)
        .with("tuning_learning_rate", training.learningRate)
        .with("tuning_date", LocalDate.now(ZoneOffset.UTC));
  }

  /** Samples in one step and in two, of the same noise. */
  private void draw(PretrainedModel tuned) throws IOException {
    List<Pictures.Panel> panels = new ArrayList<>();
    int count = COLUMNS * COLUMNS / 2;
    int classes = tuned.model().classes();
    SamplingRequest.Builder request = SamplingRequest.builder(count).seed(training.seed);
    if (classes > 0) {
      request.condition(
          Condition.labels(IntStream.range(0, count).map(i -> i % classes).toArray()));
    }
    for (int steps : new int[] {1, 2}) {
      Sampler sampler = new NamedSampler("consistency").sampler(tuned.scheduler(), steps);
      try (SamplingResult result = sampler.sample(tuned.model(), request.build())) {
        panels.add(new Pictures.Panel("steps: " + steps, Pictures.grid(result.samples(), COLUMNS)));
      }
    }
    Path file = training.out.resolve("samples.png");
    Pictures.write(file, Pictures.sideBySide(panels));
    out().printf(Locale.ROOT, "written  %s%n", file);
    out().flush();
  }
}
