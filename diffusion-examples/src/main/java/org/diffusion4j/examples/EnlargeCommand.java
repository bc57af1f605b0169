package org.diffusion4j.examples;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.ImageFolder;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Enlarges pictures, and trains models that do: SR3 (Saharia et al. 2021). */
@Command(
    name = "enlarge",
    description = "Enlarges pictures with a model that draws the detail, or trains one.",
    mixinStandardHelpOptions = true)
final class EnlargeCommand extends ExampleCommand {

  private static final int ROWS = 10;

  /** So that the noise of pictures is not that of samples. */
  private static final long PICTURES = 0x91c7;

  @Mixin
  private final TrainingOptions training =
      new TrainingOptions(2000, 64, 1e-3, 0.999, "out/enlarge");

  @Option(names = "--train", description = "Train a model first, on --data, to <out>/model.")
  private boolean train;

  @Option(
      names = "--data",
      description = "IDX file or folder of images: to train on, or to reduce and enlarge.")
  private @Nullable Path data;

  @Option(
      names = "--size",
      converter = Positive.class,
      description = "Height and width to which images of a folder are scaled (${DEFAULT-VALUE}).")
  private int size = 32;

  @Option(
      names = "--factor",
      converter = Positive.class,
      description = "How many times larger pictures become (${DEFAULT-VALUE}).")
  private int factor = 2;

  @Option(
      names = "--channels",
      converter = Positive.class,
      description =
          "Channels of the first level of the network that is trained (${DEFAULT-VALUE}).")
  private int channels = 32;

  @Option(
      names = "--most-noise",
      description = "Highest timestep of noise on pictures in training (${DEFAULT-VALUE}).")
  private int mostNoise = 10;

  @Mixin private final HalfOption half = new HalfOption();

  @Option(
      names = "--model",
      description =
          "Model directory, or fashion-enlarge or emoji-enlarge, which come with the examples"
              + " (${DEFAULT-VALUE}).")
  private Path model = Path.of(Enlargers.FASHION);

  @Option(
      names = "--picture",
      description = "Picture to enlarge, scaled to the model's size divided by the factor.")
  private @Nullable Path picture;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "How often each picture is enlarged, from other noise (${DEFAULT-VALUE}).")
  private int count = 4;

  @Option(
      names = "--noise",
      description = "Timestep of noise on the picture before it is enlarged (none).")
  private @Nullable Integer noise;

  @Option(
      names = "--sampling-steps",
      converter = Positive.class,
      description = "Sampling steps (${DEFAULT-VALUE}).")
  private int samplingSteps = 25;

  @Override
  public Integer call() throws IOException {
    require(factor > 1, "--factor must be at least 2 but was " + factor);
    if (train) {
      Path to = training.out.resolve("model");
      require(channels % 8 == 0, "--channels must be a multiple of 8 but were " + channels);
      new EnlargeTraining(images(), factor, channels, mostNoise, half.weights(), training, out())
          .run(to);
      model = to;
    }
    try (PretrainedModel trained = Enlargers.orModel(model)) {
      requireFit(trained.model());
      draw(trained);
    }
    return 0;
  }

  private void requireFit(SameDiffDenoiser denoiser) {
    long[] shape = denoiser.sampleShape();
    int total = denoiser.schedule().steps();
    require(
        shape.length == 3 && denoiser.takes().pictureChannels() == shape[0],
        "--model must enlarge pictures but " + model + " does not");
    require(
        shape[1] % factor == 0 && shape[2] % factor == 0,
        "--factor must divide the model's height and width, "
            + shape[1]
            + " x "
            + shape[2]
            + ", but was "
            + factor);
    require(
        samplingSteps <= total,
        "--sampling-steps must be in [1, " + total + "] but were " + samplingSteps);
    require(
        noise == null || (noise >= 0 && noise < total),
        "--noise must be in [0, " + (total - 1) + "] but was " + noise);
  }

  /** The images of {@code --data}. */
  private SampleSource images() throws IOException {
    require(data != null, "--train must come with --data");
    Path from = Objects.requireNonNull(data);
    return Files.isDirectory(from)
        ? ImageFolder.open(from, size, size, ImageFolder.Option.SKIP_BROKEN)
        : IdxImages.read(from);
  }

  private void draw(PretrainedModel trained) throws IOException {
    long[] shape = trained.model().sampleShape();
    Files.createDirectories(training.out);
    Path file = training.out.resolve("enlarged.png");
    if (picture != null) {
      try (INDArray one =
          ImageFiles.read(picture, shape[0], shape[1] / factor, shape[2] / factor)) {
        draw(trained, one.reshape(1, one.size(0), one.size(1), one.size(2)), null, file);
      }
      return;
    }
    SampleSource source = data == null ? Enlargers.clothes() : images();
    require(
        Arrays.equals(source.sampleShape(), shape),
        "--data must be of the model's size, "
            + Arrays.toString(shape)
            + ", but are "
            + Arrays.toString(source.sampleShape()));
    DataSet first = SampleIterator.of(source, ROWS).build().next();
    try (INDArray real = first.getFeatures();
        INDArray low = SampleSource.reduced(real, factor)) {
      draw(trained, low, real, file);
    }
  }

  private void draw(PretrainedModel trained, INDArray low, @Nullable INDArray real, Path file)
      throws IOException {
    try (INDArray bicubic = SampleSource.enlarged(low, factor);
        INDArray repeated = bicubic.repeat(0, count);
        SamplingResult drawn = enlarge(trained, repeated)) {
      List<PictureTable.Row> rows = new ArrayList<>();
      for (int row = 0; row < low.size(0); row++) {
        List<BufferedImage> cells = new ArrayList<>();
        cells.add(cell(low, row));
        cells.add(cell(bicubic, row));
        for (int i = 0; i < count; i++) {
          cells.add(cell(drawn.samples(), (long) row * count + i));
        }
        if (real != null) {
          cells.add(cell(real, row));
        }
        rows.add(new PictureTable.Row(name(row), "", cells));
      }
      List<String> columns = new ArrayList<>(List.of("given", "bicubic", "enlarged"));
      columns.addAll(Collections.nCopies(count - 1, ""));
      if (real != null) {
        columns.add("real");
      }
      Pictures.write(file, new PictureTable(columns, rows).draw());
      out()
          .printf(
              Locale.ROOT,
              "written  %s, %d pictures in %.1f s%n",
              file,
              drawn.samples().size(0),
              drawn.duration().toMillis() / 1e3);
    }
  }

  private String name(int row) {
    return picture == null ? "picture " + row : String.valueOf(picture.getFileName());
  }

  private static BufferedImage cell(INDArray samples, long index) {
    return Pictures.grid(samples.get(NDArrayIndex.interval(index, index + 1)), 1);
  }

  /** Draws an enlarged picture for each picture that bicubic interpolation enlarged. */
  private SamplingResult enlarge(PretrainedModel trained, INDArray bicubic) {
    Integer level = noise;
    try (INDArray noisy = level == null ? bicubic.dup('c') : noisy(trained, bicubic, level)) {
      SamplingRequest request =
          SamplingRequest.builder((int) bicubic.size(0))
              .seed(training.seed)
              .batchSize(64)
              .condition(Condition.pictures(noisy))
              .build();
      return Samplers.ddim(trained.scheduler(), samplingSteps, 0)
          .withEpsilonFromCorrected()
          .sample(trained.model(), request);
    }
  }

  private INDArray noisy(PretrainedModel trained, INDArray pictures, int level) {
    int n = (int) pictures.size(0);
    int[] timesteps = new int[n];
    Arrays.fill(timesteps, level);
    NoiseSource noise = NoiseSource.perSample(training.seed ^ PICTURES);
    try (INDArray epsilon = noise.start().batch(0, n).next(pictures.shape())) {
      return new ForwardProcess(trained.model().schedule()).noisy(pictures, epsilon, timesteps);
    }
  }
}
