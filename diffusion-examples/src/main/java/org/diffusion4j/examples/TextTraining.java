package org.diffusion4j.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Locale;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.Trainer;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.text.ClipTextEncoder;
import org.diffusion4j.text.ClipTextModel;
import org.diffusion4j.text.ClipTokenizer;
import org.diffusion4j.text.ClipVocabulary;
import org.diffusion4j.text.TextDenoiser;
import org.diffusion4j.text.TextImages;
import org.diffusion4j.text.TextToImage;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.TrainingListeners;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;

/** Trains a U-Net and its text encoder together, or a LoRA of them, and saves what was trained. */
final class TextTraining {

  private static final double TEXT_DROPOUT = 0.1;
  private static final int TOKENS = 24;
  private static final int FREQUENT = 2;
  private static final int TEXT_WIDTH = 128;
  private static final int HEADS = 4;

  /** The dense layers of the U-Net that a LoRA changes: a small one has little attention. */
  private static final String[] ADAPTED = {
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "proj_in",
    "proj_out",
    "net.0.proj",
    "net.2",
    "time_emb_proj"
  };

  private final TextImages images;
  private final @Nullable Path from;
  private final @Nullable Integer rank;
  private final TrainingOptions options;
  private final CheckpointOptions checkpoints;
  private final DataType weights;
  private final PrintWriter out;

  /**
   * @param from the model to start from, or null for random weights
   * @param rank of the LoRA, or null to train all weights
   * @param weights the type of a saved model's weights
   */
  TextTraining(
      TextImages images,
      @Nullable Path from,
      @Nullable Integer rank,
      TrainingOptions options,
      CheckpointOptions checkpoints,
      DataType weights,
      PrintWriter out) {
    this.images = images;
    this.from = from;
    this.rank = rank;
    this.options = options;
    this.checkpoints = checkpoints;
    this.weights = weights;
    this.out = out;
  }

  /**
   * Writes {@code tokenizer/}, {@code checkpoints/}, {@code training.csv}, and {@code model/} or
   * {@code lora.safetensors}.
   */
  void run() throws IOException {
    out.printf(Locale.ROOT, "data     %s%n", images);
    try (TextToImage model = from == null ? create() : Emoji.orModel(from)) {
      if (!(model.network() instanceof UNet2DConditionModel unet
          && model.textEncoder().orElse(null) instanceof ClipTextEncoder encoder
          && encoder.models().size() == 1
          && model.autoencoder().isEmpty())) {
        throw new IllegalArgumentException(
            "model must be one of pixels with one text encoder but is " + model);
      }
      if (rank != null) {
        trainLora(unet, encoder.models().get(0), encoder.tokenizers().get(0), rank);
      } else {
        train(unet, encoder.models().get(0), encoder.tokenizers().get(0));
        Path directory = options.out.resolve("model");
        model(unet, encoder, model.scheduler()).save(directory, weights);
        out.printf(Locale.ROOT, "written  %s%n", directory);
      }
    }
  }

  private TextToImage model(
      UNet2DConditionModel unet, ClipTextEncoder encoder, SchedulerConfig scheduler) {
    return TextToImage.builder(unet, encoder)
        .scheduler(scheduler)
        .defaults(25, 3)
        .provenance(provenance())
        .build();
  }

  private void train(UNet2DConditionModel unet, ClipTextModel text, ClipTokenizer tokenizer)
      throws IOException {
    try (TextDenoiser both = TextDenoiser.of(unet, text, tokenizer, TextDenoiser.Trained.BOTH)) {
      train(both, tokenizer);
      both.copyTo(unet, text);
    }
  }

  private void trainLora(
      UNet2DConditionModel unet, ClipTextModel text, ClipTokenizer tokenizer, int rank)
      throws IOException {
    try (TextDenoiser adapted =
        TextDenoiser.withLora(unet, text, tokenizer, rank, options.seed, ADAPTED)) {
      train(adapted, tokenizer);
      Path file = options.out.resolve("lora.safetensors");
      adapted.lora().save(file);
      out.printf(Locale.ROOT, "written  %s%n", file);
    }
  }

  private void train(TextDenoiser denoiser, ClipTokenizer tokenizer) throws IOException {
    out.printf(Locale.ROOT, "model    %,d weights%n", denoiser.parameterCount());
    SampleIterator data =
        SampleIterator.of(images.tokenized(tokenizer), options.batch)
            .shuffle(options.seed)
            .dropPartial()
            .build();
    out.printf(Locale.ROOT, "trained  %s%n", train(denoiser, data));
  }

  private String train(TextDenoiser denoiser, SampleIterator data) throws IOException {
    try (DiffusionTrainer trainer =
            options
                .trainer(denoiser)
                .maxGradientNorm(1)
                .labelDropout(TEXT_DROPOUT)
                .checkpoints(checkpoints.in(options.out.resolve("checkpoints")))
                .build();
        SampleIterator batches = data.prefetched(2);
        TrainingListeners.FileListener csv =
            TrainingListeners.csv(options.out.resolve("training.csv"))) {
      long done = trainer.resume();
      Trainer.Report report;
      try (Progress progress = new Progress("training", done, options.steps, out)) {
        report = trainer.trainTo(batches, options.steps, csv.andThen(progress.training()));
      }
      trainer.useAverage();
      return String.format(
          Locale.ROOT,
          "%d steps in %d s, loss %.4f",
          report.steps(),
          report.duration().toSeconds(),
          report.meanLoss());
    }
  }

  /** A model with random weights and a vocabulary of the data's words. */
  private TextToImage create() throws IOException {
    Path folder = options.out.resolve("tokenizer");
    if (!Files.exists(folder)) {
      ClipVocabulary.learn(images.texts(), FREQUENT, TOKENS).save(folder);
    }
    ClipTokenizer tokenizer = ClipTokenizer.read(folder);
    ClipTextModel text =
        ClipTextModel.create(
            ClipTextModel.Config.of(tokenizer.vocabularySize(), TOKENS, TEXT_WIDTH, 1, HEADS),
            options.seed);
    long[] shape = images.sampleShape();
    UNet2DConditionModel.Config config =
        UNet2DConditionModel.Config.of(
                (int) shape[0], (int) shape[1], (int) shape[2], TEXT_WIDTH, 32, 48, 96, 160)
            .withCrossAttention(2, 3)
            .withLayersPerBlock(1)
            .withNormGroups(8)
            .withHeads(HEADS)
            .withTokens(TOKENS)
            .with("use_linear_projection", true);
    SchedulerConfig scheduler = scheduler();
    UNet2DConditionModel unet =
        UNet2DConditionModel.create(
            config, scheduler.schedule(), scheduler.prediction(), options.seed);
    return model(unet, ClipTextEncoder.of(tokenizer, text), scheduler);
  }

  /**
   * A third of the timesteps of this schedule tell nothing of the picture, so that the text alone
   * decides: there a model learns what words mean. The last step has almost no signal.
   */
  private static SchedulerConfig scheduler() {
    return SchedulerConfig.of(NoiseSchedule.linear(1000, 1e-4, 0.03), Prediction.VELOCITY)
        .with("clip_sample", true)
        .with("timestep_spacing", "trailing");
  }

  private Provenance provenance() {
    return Provenance.ofThisLibrary()
        .with("data", images.description())
        .with("steps", options.steps)
        .with("batch", options.batch)
        .with("optimizer", "Adam, learning rate " + options.learningRate + ", warm-up, cosine to 0")
        .with("weights", "exponential average, decay " + options.ema)
        .with("seed", options.seed)
        .with("date", LocalDate.now(ZoneOffset.UTC));
  }
}
