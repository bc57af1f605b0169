package org.diffusion4j.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library as jars of an application, which Spark loads with a class loader of its own. */
class ApplicationJarsTest {

  @TempDir Path directory;

  @Test
  void samplingAndTraining_workFromSparkJars() throws IOException {
    Path model = directory.resolve("model");
    SmallModels.save(model);
    try (SparkSession spark = Cluster.startWithApplicationJars(1)) {
      List<Row> rows =
          SparkSampling.builder(spark, model.toString())
              .sampler("ddpm", 3)
              .build()
              .values(3, 1)
              .collectAsList();
      assertThat(rows).hasSize(3);
      SparkSamples samples =
          SparkSamples.vectors(SmallModels.rows(spark, 9, 1), SmallModels.columns())
              .withLabels("class")
              .store(directory.resolve("samples").toString());
      SparkTraining.Report report =
          SparkTraining.builder(spark, samples, directory.resolve("checkpoints").toString())
              .batchSize(4)
              .pieces(2)
              .build()
              .trainTo(2, new SmallModels.Training());
      assertThat(report.checkpoint()).endsWith("step-00000002");
    }
  }
}
