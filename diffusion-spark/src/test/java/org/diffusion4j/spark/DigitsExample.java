package org.diffusion4j.spark;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.LearningRates;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.training.TrainingListeners;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a model of handwritten digits on a cluster of two executor processes, and draws from it.
 * The arguments are the folder of the images, the output folder and the number of steps.
 */
final class DigitsExample {

  private static final Logger LOG = LoggerFactory.getLogger(DigitsExample.class);
  private static final int CLASSES = 10;
  private static final int EACH = 6;

  private DigitsExample() {}

  /** A small U-Net with classes. */
  static final class Training implements ToTrain {

    private static final long serialVersionUID = 1;

    private final long steps;

    Training(long steps) {
      this.steps = steps;
    }

    @Override
    public SameDiffDenoiser model() {
      UNetConfig config =
          UNetConfig.builder(1, 8, 8)
              .blockOutChannels(16, 32)
              .normGroups(8)
              .classes(CLASSES)
              .nullClass(true)
              .build();
      return UNet.create(config, NoiseSchedule.cosine(1000), 42);
    }

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return builder
          .optimizer(Optimizer.adam(LearningRates.cosine(2e-3, (int) steps)))
          .labelDropout(0.1)
          .maxGradientNorm(1)
          .ema(0.995)
          .seed(7);
    }
  }

  public static void main(String[] args) throws IOException {
    Path images = Path.of(args[0]);
    Path out = Path.of(args[1]);
    int steps = Integer.parseInt(args[2]);
    SparkSession spark = Cluster.start(2, Map.of());
    try {
      SparkSamples digits =
          SparkSamples.images(rows(spark, images), 1, 8, 8)
              .withLabels("digit")
              .store(out.resolve("samples").toString());
      SparkTraining.Report report =
          SparkTraining.builder(spark, digits, out.resolve("checkpoints").toString())
              .executors(2)
              .batchSize(64)
              .pieces(2)
              .checkpointEvery(200)
              .build()
              .trainTo(steps, new Training(steps), TrainingListeners.logging(LOG, 100));
      SparkSampling sampling =
          SparkSampling.builder(spark, report.checkpoint())
              .sampler("dpm++2m", 20)
              .denoiser(loaded -> ClassifierFreeGuidance.of(loaded.model(), 2))
              .seed(7)
              .build();
      Dataset<Row> conditions =
          spark
              .range(0, CLASSES * EACH, 1, 4)
              .toDF("index")
              .withColumn("label", col("index").mod(CLASSES).cast("int"));
      SparkSampling.writePictures(
          sampling.pictures(conditions), out.resolve("pictures").toString());
      writeGrid(out);
    } finally {
      spark.stop();
    }
  }

  /** The images as a Dataset would have them: a name, a PNG file and a label each. */
  private static Dataset<Row> rows(SparkSession spark, Path folder) throws IOException {
    IdxImages images =
        IdxImages.read(
            folder.resolve("train-images-idx3-ubyte.gz"),
            folder.resolve("train-labels-idx1-ubyte.gz"));
    List<Row> rows = new ArrayList<>();
    float[] values = new float[64];
    for (int i = 0; i < images.size(); i++) {
      images.read(i, values);
      try (INDArray image = Nd4j.create(values, new long[] {1, 8, 8}, 'c')) {
        String name = String.format("digit-%05d.png", i);
        rows.add(RowFactory.create(name, SampleForm.PNG.of(image), images.label(i)));
      }
    }
    StructType columns =
        new StructType()
            .add("path", DataTypes.StringType)
            .add("content", DataTypes.BinaryType)
            .add("digit", DataTypes.IntegerType);
    return spark.createDataFrame(rows, columns);
  }

  private static void writeGrid(Path out) throws IOException {
    List<INDArray> pictures = new ArrayList<>();
    for (String name : LocalFolders.list(out.resolve("pictures"))) {
      pictures.add(ImageFiles.read(out.resolve("pictures").resolve(name), 1, 8, 8));
    }
    try (INDArray all = Nd4j.stack(0, pictures.toArray(INDArray[]::new))) {
      Files.createDirectories(out);
      ImageFiles.writeGrid(out.resolve("digits.png"), all, CLASSES, 4);
    }
  }
}
