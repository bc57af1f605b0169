package org.diffusion4j.spark;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Measures what two executors of one core each cost beside one process: the share of a training
 * step that is exchange, and the time of a sampling job. The arguments are a model directory with
 * ten classes and an output folder.
 */
final class Costs {

  private static final int EXECUTORS = 2;
  private static final int BATCH = 16;
  private static final int STEPS = 60;
  private static final int SIDE = 28;
  private static final int CLASSES = 10;
  private static final int SAMPLES = 200;
  private static final int EACH_BATCH = 25;
  private static final double MILLION = 1e6;

  /** Channels of the first level, for about 1, 4 and 16 MB of weights. */
  private static final int[] CHANNELS = {8, 16, 32};

  private Costs() {}

  /** A U-Net of three levels. */
  static final class Training implements ToTrain {

    private static final long serialVersionUID = 1;

    private final int channels;

    Training(int channels) {
      this.channels = channels;
    }

    @Override
    public SameDiffDenoiser model() {
      UNetConfig config =
          UNetConfig.builder(1, SIDE, SIDE)
              .blockOutChannels(channels, 2 * channels, 4 * channels)
              .normGroups(8)
              .build();
      return UNet.create(config, NoiseSchedule.cosine(1000), 42);
    }

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return builder.optimizer(Optimizer.adam(1e-4)).maxGradientNorm(1).ema(0.999);
    }
  }

  public static void main(String[] args) throws IOException {
    Path model = Path.of(args[0]);
    Path out = Files.createDirectories(Path.of(args[1]));
    // The compiler that an application has, and not the one that starts fastest.
    SparkSession spark =
        Cluster.start(
            EXECUTORS, Map.of("spark.executor.extraJavaOptions", "-Ddiffusion4j.threads=1"));
    try {
      SparkSamples pictures =
          SparkSamples.images(rows(spark), 1, SIDE, SIDE)
              .store(Files.createTempDirectory(out, "samples-").toString());
      System.out.println("| weights, MB | step, ms | exchange, ms | share |\n|--:|--:|--:|--:|");
      for (int channels : CHANNELS) {
        train(spark, pictures, channels, Files.createTempDirectory(out, "checkpoints-"));
      }
      sample(spark, model);
    } finally {
      spark.stop();
    }
  }

  private static void train(SparkSession spark, SparkSamples pictures, int channels, Path folder)
      throws IOException {
    SparkTraining training =
        SparkTraining.builder(spark, pictures, folder.toString())
            .executors(EXECUTORS)
            .batchSize(BATCH)
            .pieces(EXECUTORS)
            .checkpointEvery(STEPS)
            .build();
    Training toTrain = new Training(channels);
    training.trainTo(STEPS, toTrain);
    // Without the first steps of processes whose code is not compiled yet.
    SparkTraining.Report report = training.trainTo(2 * STEPS, toTrain);
    try (SameDiffDenoiser model = toTrain.model()) {
      System.out.printf(
          "| %.1f | %.1f | %.1f | %.0f %% |%n",
          4 * model.parameterCount() / MILLION,
          1e3 * report.seconds() / report.steps(),
          1e3 * report.exchangeSeconds() / report.steps(),
          100 * report.exchangeSeconds() / report.seconds());
    }
  }

  private static void sample(SparkSession spark, Path model) throws IOException {
    Dataset<Row> conditions =
        spark
            .range(0, SAMPLES, 1, EXECUTORS)
            .toDF("index")
            .withColumn("label", col("index").mod(CLASSES).cast("int"));
    SparkSampling sampling =
        SparkSampling.builder(spark, model.toAbsolutePath().toString())
            .sampler("dpm++2m", 10)
            .denoiser(loaded -> ClassifierFreeGuidance.of(loaded.model(), 2))
            .batchSize(EACH_BATCH)
            .seed(7)
            .build();
    try (PretrainedModel loaded = PretrainedModel.loadFrozen(model)) {
      for (int round = 0; round < 3; round++) {
        long start = System.nanoTime();
        sampling.values(conditions).write().format("noop").mode("overwrite").save();
        double job = (System.nanoTime() - start) / 1e9;
        start = System.nanoTime();
        alone(loaded);
        double alone = (System.nanoTime() - start) / 1e9;
        System.out.printf(
            "%d samples: job %.2f s, one process %.2f s, ratio %.2f%n",
            SAMPLES, job, alone, job / alone);
      }
    }
  }

  private static void alone(PretrainedModel loaded) {
    for (int from = 0; from < SAMPLES; from += EACH_BATCH) {
      int first = from;
      int[] labels = IntStream.range(0, EACH_BATCH).map(i -> (first + i) % CLASSES).toArray();
      SamplingRequest request =
          SamplingRequest.builder(EACH_BATCH)
              .seed(from)
              .condition(Condition.labels(labels))
              .build();
      Samplers.named("dpm++2m", 10)
          .sample(ClassifierFreeGuidance.of(loaded.model(), 2), request)
          .close();
    }
  }

  /** Pictures of noise. */
  private static Dataset<Row> rows(SparkSession spark) throws IOException {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 4 * BATCH; i++) {
      try (INDArray picture = Nd4j.rand(1, SIDE, SIDE)) {
        rows.add(RowFactory.create("noise-" + i, SampleForm.PNG.of(picture)));
      }
    }
    StructType columns =
        new StructType().add("path", DataTypes.StringType).add("content", DataTypes.BinaryType);
    return spark.createDataFrame(rows, columns);
  }
}
