package org.diffusion4j.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.LearningRates;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;

/** Models and data that take milliseconds. */
final class SmallModels {

  private static final int CLASSES = 3;
  private static final int SIDE = 4;

  private SmallModels() {}

  static UNet unet(double dropout) {
    UNetConfig config =
        UNetConfig.builder(1, SIDE, SIDE)
            .blockOutChannels(4)
            .downBlocks(Block.PLAIN)
            .layersPerBlock(1)
            .normGroups(2)
            .midAttention(false)
            .classes(CLASSES)
            .nullClass(true)
            .dropout(dropout)
            .build();
    return UNet.create(config, NoiseSchedule.linear(50), 5);
  }

  static void save(Path directory) {
    try (UNet model = unet(0)) {
      PretrainedModel.of(model).save(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Training with everything that draws or sums. */
  static class Training implements ToTrain {

    private static final long serialVersionUID = 1;

    @Override
    public UNet model() {
      return unet(0.3);
    }

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return configured(builder);
    }

    static DiffusionTrainer.Builder configured(DiffusionTrainer.Builder builder) {
      return builder
          .optimizer(Optimizer.adamW(LearningRates.cosine(0.01, 40), 0.01))
          .labelDropout(0.3)
          .maxGradientNorm(0.5)
          .ema(0.9)
          .seed(9);
    }
  }

  /** Rows of a label and of 16 numbers, in an order of their own. */
  static Dataset<Row> rows(SparkSession spark, int n, int partitions) {
    StructType schema = new StructType().add("class", DataTypes.StringType);
    for (String column : columns()) {
      schema = schema.add(column, DataTypes.DoubleType);
    }
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      int k = 7 * i % n;
      Object[] values = new Object[1 + SIDE * SIDE];
      values[0] = "c" + k % CLASSES;
      for (int j = 1; j < values.length; j++) {
        values[j] = Math.sin(k * 0.7 + j);
      }
      rows.add(RowFactory.create(values));
    }
    return spark.createDataFrame(rows, schema).repartition(partitions);
  }

  static String[] columns() {
    String[] names = new String[SIDE * SIDE];
    java.util.Arrays.setAll(names, i -> "x" + i);
    return names;
  }
}
