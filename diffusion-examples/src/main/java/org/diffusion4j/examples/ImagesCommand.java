package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.diffusion4j.Prediction;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.data.ImageFolder;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains on a user's images. */
@Command(
    name = "images",
    description = "Trains a U-Net on an IDX file or a folder of pictures (PNG, JPEG, WebP, ...).",
    mixinStandardHelpOptions = true)
final class ImagesCommand extends ExampleCommand {

  private static final int DEFAULT_SIZE = 32;
  private static final int COARSEST = 8;
  private static final int MOST_ATTENDED = 16;

  @Mixin
  private final TrainingOptions training = new TrainingOptions(2000, 32, 1e-3, 0.999, "out/images");

  @SuppressWarnings("NullAway.Init")
  @Option(
      names = "--data",
      required = true,
      description = "IDX file of images, plain or .gz, or folder of images.")
  private Path data;

  @Option(
      names = "--labels",
      description = "IDX file of labels; makes the model class-conditional.")
  private @Nullable Path labels;

  @Option(
      names = "--class-folders",
      description = "Subfolders are classes; makes the model class-conditional.")
  private boolean classFolders;

  @Option(
      names = "--size",
      converter = Positive.class,
      description = "Height and width in pixels to which images of a folder are scaled (32).")
  private @Nullable Integer size;

  @Option(
      names = "--timesteps",
      converter = Positive.class,
      description = "Number of steps of the noise schedule, T (${DEFAULT-VALUE}).")
  private int timesteps = 1000;

  @Option(
      names = "--prediction",
      description =
          "What the network predicts: epsilon, sample, velocity, flow (the velocity of straight "
              + "paths) or edm (with that process and its noise levels) (${DEFAULT-VALUE}).")
  private Prediction prediction = Prediction.EPSILON;

  @Option(
      names = "--layers",
      converter = Positive.class,
      description = "Residual blocks of each level (${DEFAULT-VALUE}).")
  private int layers = 1;

  @Mixin private final CheckpointOptions checkpoints = new CheckpointOptions();

  @Mixin private final HalfOption half = new HalfOption();

  @Option(names = "--gray", description = "Convert images of a folder to gray.")
  private boolean gray;

  @Option(
      names = "--sampling-steps",
      converter = Positive.class,
      description = "Number of sampling steps, at most 1000 (${DEFAULT-VALUE}).")
  private int samplingSteps = 100;

  @Override
  public Integer call() throws IOException {
    SampleSource source = Files.isDirectory(data) ? folder() : idx();
    long[] shape = source.sampleShape();
    UNetConfig network =
        network((int) shape[0], (int) shape[1], (int) shape[2], source.classes()).toBuilder()
            .layersPerBlock(layers)
            .build();
    new ImageTraining(
            source,
            network,
            ImageTraining.scheduler(timesteps, prediction),
            training,
            checkpoints.in(training.out.resolve("checkpoints")),
            half.weights(),
            Math.min(samplingSteps, timesteps),
            out())
        .run();
    return 0;
  }

  private SampleSource folder() throws IOException {
    require(labels == null, "--labels are for IDX files; for folders there is --class-folders");
    List<ImageFolder.Option> how = new ArrayList<>();
    how.add(ImageFolder.Option.SKIP_BROKEN);
    if (gray) {
      how.add(ImageFolder.Option.GRAYSCALE);
    }
    if (classFolders) {
      how.add(ImageFolder.Option.CLASS_FOLDERS);
    }
    int side = size == null ? DEFAULT_SIZE : size;
    return ImageFolder.open(data, side, side, how.toArray(ImageFolder.Option[]::new));
  }

  private SampleSource idx() throws IOException {
    require(
        size == null && !gray && !classFolders,
        "--size, --gray and --class-folders are for folders but " + data + " is none");
    return labels == null ? IdxImages.read(data) : IdxImages.read(data, labels);
  }

  /** A U-Net that halves images down to a low resolution, with attention there. */
  static UNetConfig network(int channels, int height, int width, int classes) {
    List<Integer> widths = new ArrayList<>(List.of(32));
    int h = height;
    int w = width;
    while (Math.max(h, w) > COARSEST && h % 2 == 0 && w % 2 == 0) {
      h /= 2;
      w /= 2;
      widths.add(widths.size() < 2 ? 64 : 128);
    }
    boolean attention = Math.max(h, w) <= MOST_ATTENDED;
    List<Block> blocks = new ArrayList<>(Collections.nCopies(widths.size(), Block.PLAIN));
    if (attention) {
      blocks.set(widths.size() - 1, Block.ATTENTION);
    }
    UNetConfig.Builder builder =
        UNetConfig.builder(channels, height, width)
            .blockOutChannels(widths.toArray(Integer[]::new))
            .downBlocks(blocks.toArray(Block[]::new))
            .midAttention(attention)
            .layersPerBlock(1)
            .normGroups(8);
    return (classes > 0 ? builder.classes(classes).nullClass(true) : builder).build();
  }
}
