package org.diffusion4j.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import javax.imageio.ImageIO;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A training of executors is that of one process. */
class SparkTrainingTest {

  private static final int STEPS = 20;

  /** The last batch of an epoch is smaller. */
  private static final int SAMPLES = 41;

  private static final int BATCH = 12;
  private static final int PIECES = 4;

  private static SparkSession spark;
  private static SparkSamples samples;

  @TempDir static Path directory;

  @BeforeAll
  static void start() throws IOException {
    spark = Cluster.shared();
    samples =
        SparkSamples.vectors(SmallModels.rows(spark, SAMPLES, 3), SmallModels.columns())
            .withLabels("class")
            .store(directory.resolve("samples").toString());
  }

  private static SparkTraining.Builder builder(String name) {
    return SparkTraining.builder(spark, samples, directory.resolve(name).toString())
        .batchSize(BATCH)
        .pieces(PIECES)
        .shuffle(3)
        .checkpointEvery(5);
  }

  /** Sees vectors as images. */
  static class Images implements ToTrain {

    private static final long serialVersionUID = 1;

    @Override
    public SameDiffDenoiser model() throws IOException {
      return new SmallModels.Training().model();
    }

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return SmallModels.Training.configured(builder)
          .validation(SampleIterator.of(data, 16).build(), 8);
    }
  }

  private static String alone(int steps) throws IOException {
    Path folder = directory.resolve("alone-" + steps);
    if (!Files.exists(folder)) {
      try (UNet model = SmallModels.unet(0.3);
          StoredSamples source = StoredSamples.open(samples.folder(), samples.layout());
          DiffusionTrainer trainer =
              new Images()
                  .settings(DiffusionTrainer.builder(model), source)
                  .accumulation(PIECES)
                  .checkpoints(Checkpoints.in(folder).everySteps(5))
                  .build()) {
        trainer.trainTo(SampleIterator.of(source, BATCH / PIECES).shuffle(3).build(), steps);
      }
    }
    return hash(folder.resolve(String.format("step-%08d", steps)).toString());
  }

  /** Of the weights, their average and the optimizer's state. */
  static String hash(String checkpoint) throws IOException {
    Path training = Path.of(checkpoint.replaceFirst("^file:", "")).resolve("training");
    StringBuilder hashes = new StringBuilder();
    for (String name : List.of("weights", "average", "optimizer")) {
      var crc = new java.util.zip.CRC32C();
      crc.update(Files.readAllBytes(training.resolve(name + ".safetensors")));
      hashes.append(Long.toHexString(crc.getValue())).append(' ');
    }
    return hashes.toString();
  }

  @Test
  void weights_haveTheBitsOfOneProcess_whateverTheExecutors() throws IOException {
    for (int executors : new int[] {1, 2, 3}) {
      List<Long> told = new ArrayList<>();
      SparkTraining.Report report =
          builder("on-" + executors)
              .executors(executors)
              .build()
              .trainTo(STEPS, new Images(), step -> told.add(step.index()));
      assertThat(hash(report.checkpoint())).isEqualTo(alone(STEPS));
      assertThat(told).containsExactlyElementsOf(LongStream.range(0, STEPS).boxed().toList());
      assertThat(report.steps()).isEqualTo(STEPS);
      assertThat(report.exchangeSeconds()).isPositive().isLessThan(report.seconds());
    }
    try (PretrainedModel model = PretrainedModel.load(directory.resolve("on-3/step-00000020"))) {
      assertThat(model.model().classes()).isEqualTo(3);
    }
    assertThat(LocalFolders.list(directory.resolve("on-2"))).hasSizeBetween(3, 4);
  }

  @Tag("slow")
  @Test
  void training_whoseExecutorIsKilled_goesOnFromACheckpoint() throws IOException {
    Path marker = directory.resolve("halted");
    SparkTraining training = builder("killed").executors(2).build();
    SparkTraining.Report report = training.trainTo(STEPS, new HaltsOnce(marker.toString(), 1, 13));
    assertThat(marker).exists();
    assertThat(report.steps()).isEqualTo(STEPS - 10);
    assertThat(hash(report.checkpoint())).isEqualTo(alone(STEPS));
  }

  /** Ends its process when a process is about to do a step, unless that has happened. */
  static final class HaltsOnce extends Images {

    private static final long serialVersionUID = 1;

    private final String marker;
    private final int rank;
    private final int step;

    HaltsOnce(String marker, int rank, int step) {
      this.marker = marker;
      this.rank = rank;
      this.step = step;
    }

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return super.settings(builder, data)
          .preview(
              1,
              (model, done) -> {
                if (done == step && BarrierTaskContext.get().partitionId() == rank) {
                  try {
                    Files.createFile(Path.of(marker));
                    Runtime.getRuntime().halt(1);
                  } catch (IOException again) {
                    assertThat(again).hasMessageContaining("halted");
                  }
                }
              });
    }
  }

  @Test
  void samples_doNotDependOnOrderAndPartitions() throws IOException {
    SparkSamples again =
        SparkSamples.vectors(
                SmallModels.rows(spark, SAMPLES, 5).orderBy("x3"), SmallModels.columns())
            .withLabels("class")
            .store(directory.resolve("again").toString());
    try (StoredSamples a = StoredSamples.open(samples.folder(), samples.layout());
        StoredSamples b = StoredSamples.open(again.folder(), again.layout())) {
      assertThat(a.description()).isEqualTo(b.description()).contains("41 x [16], 3 classes");
      float[] left = new float[16];
      float[] right = new float[16];
      for (int i = 0; i < SAMPLES; i++) {
        a.read(i, left);
        b.read(i, right);
        assertThat(left).isEqualTo(right);
        assertThat(a.label(i)).isEqualTo(b.label(i));
      }
    }
    assertThat(SparkSamples.open(spark, directory.resolve("again").toString()).toString())
        .isEqualTo(again.toString());
  }

  @Test
  void samples_ofPictures_areThoseOfTheirFiles() throws IOException {
    Path pictures = Files.createDirectories(directory.resolve("pictures"));
    List<Row> decoded = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Path file = pictures.resolve(i + ".png");
      try (INDArray values = Nd4j.linspace(DataType.FLOAT, -1, 0.01 * (i + 1), 60)) {
        ImageFiles.writePng(file, values.reshape(3, 4, 5));
      }
      decoded.add(RowFactory.create(image(file, i == 1 ? 4 : 3)));
    }
    assertThatPictures(spark.read().format("binaryFile").load(pictures.toString()), pictures);
    assertThatPictures(
        spark.createDataFrame(decoded, new StructType().add("image", imageColumn())), pictures);
  }

  private static void assertThatPictures(Dataset<Row> rows, Path pictures) throws IOException {
    Path folder = Files.createTempDirectory(directory, "of-");
    SparkSamples stored = SparkSamples.images(rows, 3, 4, 5).store(folder.toString());
    try (StoredSamples read = StoredSamples.open(stored.folder(), stored.layout())) {
      assertThat(read.size()).isEqualTo(3);
      float[] sample = new float[60];
      for (int i = 0; i < 3; i++) {
        read.read(i, sample);
        try (INDArray expected = ImageFiles.read(pictures.resolve(i + ".png"), 3, 4, 5)) {
          assertThat(sample).isEqualTo(expected.dup('c').data().asFloat());
        }
      }
    }
  }

  /** What Spark's image source has for a file: pixels from the top, as BGR or BGRA. */
  private static Row image(Path file, int channels) throws IOException {
    BufferedImage read = ImageIO.read(file.toFile());
    byte[] data = new byte[read.getHeight() * read.getWidth() * channels];
    for (int i = 0; i < data.length; i++) {
      int pixel = i / channels;
      int argb = read.getRGB(pixel % read.getWidth(), pixel / read.getWidth());
      data[i] = (byte) (argb >> 8 * (i % channels));
    }
    return RowFactory.create(
        file.toUri().toString(), read.getHeight(), read.getWidth(), channels, 0, data);
  }

  private static StructType imageColumn() {
    return new StructType()
        .add("origin", DataTypes.StringType)
        .add("height", DataTypes.IntegerType)
        .add("width", DataTypes.IntegerType)
        .add("nChannels", DataTypes.IntegerType)
        .add("mode", DataTypes.IntegerType)
        .add("data", DataTypes.BinaryType);
  }

  @Test
  void settingsThatDoNotFit_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder("x").batchSize(2).build())
        .withMessage("batch size must be a multiple of the pieces, 4, but was 2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder("x").pieces(3).build())
        .withMessage("pieces must be a power of two but were 3");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder("x").executors(5).build())
        .withMessage("executors must be at most as many as pieces, 4, but were 5");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SparkTraining.builder(spark, samples, " ").build())
        .withMessage("folder of checkpoints must be one that all executors reach but was blank");
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                builder("x")
                    .executors(4)
                    .timeout(java.time.Duration.ofSeconds(1))
                    .build()
                    .trainTo(1, new Images()))
        .withMessage("executors must be at least 4 but 3 registered within 1 s");
  }

  @Test
  void dynamicAllocation_isRefused() {
    SparkConf settings = new SparkConf(false).set("spark.dynamicAllocation.enabled", "true");
    assertThatIllegalStateException()
        .isThrownBy(() -> SparkTraining.requireStatic(settings))
        .withMessage("spark.dynamicAllocation.enabled must be false for a training but was true");
  }

  @Test
  void whatOnlyExecutorsKnow_isInTheFailedTask() {
    // Each process has its own folder of this name.
    SparkTraining unreachable =
        SparkTraining.builder(spark, samples, "file:/proc/self/cwd/target-unshared")
            .batchSize(4)
            .pieces(4)
            .build();
    assertThatExceptionOfType(SparkException.class)
        .isThrownBy(() -> unreachable.trainTo(1, new Images()))
        .withMessageContaining("must be a folder that all executors reach");
    assertThatExceptionOfType(SparkException.class)
        .isThrownBy(() -> builder("differ").executors(2).build().trainTo(1, new Different()))
        .withMessageContaining("must have the same seed");
    SmallModels.save(directory.resolve("frozen"));
    assertThatExceptionOfType(SparkException.class)
        .isThrownBy(() -> builder("frozen-training").build().trainTo(1, new Frozen(directory)))
        .withMessageContaining("a model that can change but this one was loaded frozen");
  }

  /** A model that cannot be trained. */
  static final class Frozen extends Images {

    private static final long serialVersionUID = 1;

    private final String directory;

    Frozen(Path directory) {
      this.directory = directory.resolve("frozen").toString();
    }

    @Override
    public SameDiffDenoiser model() throws IOException {
      return PretrainedModel.loadFrozen(Path.of(directory)).model();
    }
  }

  /** Other settings in each process. */
  static final class Different extends Images {

    private static final long serialVersionUID = 1;

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return super.settings(builder, data).seed(BarrierTaskContext.get().partitionId());
    }
  }
}
