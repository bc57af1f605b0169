package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.diffusion4j.text.TextImages;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains a text-to-image model on a user's pictures. */
@Command(
    name = "train-text",
    description = {
      "Trains a small text-to-image model, with its text encoder, on a folder of pictures with a"
          + " file metadata.jsonl, whose lines have file_name and text."
    },
    mixinStandardHelpOptions = true)
final class TextTrainingCommand extends ExampleCommand {

  private static final int SIZE = 32;

  @Mixin
  private final TrainingOptions training =
      new TrainingOptions(20_000, 16, 8e-4, 0.999, "out/train-text");

  @SuppressWarnings("NullAway.Init")
  @Option(
      names = "--data",
      required = true,
      description = "Folder of pictures with a file metadata.jsonl.")
  private Path data;

  @Option(
      names = "--from",
      description =
          "Model directory to start from, or emoji for the model that comes with the examples"
              + " (random weights).")
  private @Nullable Path from;

  @Option(
      names = "--lora",
      converter = Positive.class,
      description =
          "Rank of a LoRA, which is trained instead of the weights of --from and written to"
              + " lora.safetensors (none).")
  private @Nullable Integer rank;

  @Option(
      names = "--variant",
      description =
          "Regular expression of what may differ between the texts of one subject, such as a"
              + " colour: subjects of few variants are drawn more often (none).")
  private @Nullable Pattern variant;

  @Mixin private final CheckpointOptions checkpoints = new CheckpointOptions();

  @Mixin private final HalfOption half = new HalfOption();

  @Override
  public Integer call() throws IOException {
    require(rank == null || from != null, "--lora must be given with --from");
    require(
        rank == null || half.weights() == DataType.FLOAT, "--half must be given without --lora");
    TextImages images = TextImages.open(data, SIZE, SIZE);
    if (variant != null) {
      images = images.select(Variants.balanced(images.texts(), variant));
    }
    new TextTraining(images, from, rank, training, checkpoints, half.weights(), out()).run();
    return 0;
  }
}
