package org.diffusion4j.spark;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.jspecify.annotations.Nullable;

/**
 * Samples from a model directory on the executors of Spark. Sample {@code i} has the bits of sample
 * {@code i} of a {@link org.diffusion4j.SamplingRequest} with the same seed, whatever the
 * partitions, the executors and the tasks that are tried again. Immutable.
 *
 * <p>An executor loads the model once and its tasks share it. Its native memory is that of the
 * weights and, for each task that runs at the same time, at most {@link Builder#memoryPerTask}.
 *
 * <pre>{@code
 * SparkSampling sampling =
 *     SparkSampling.builder(spark, "hdfs:///models/digits").sampler("ddim", 50).seed(7).build();
 * sampling.values(1_000_000, 200).write().parquet("hdfs:///samples");
 * SparkSampling.writePictures(sampling.pictures(1_000, 20), "hdfs:///pictures");
 * }</pre>
 */
public final class SparkSampling {

  private final SparkSession spark;
  private final SamplingJob job;

  private SparkSampling(SparkSession spark, SamplingJob job) {
    this.spark = spark;
    this.job = job;
  }

  /**
   * A builder.
   *
   * @param model a model directory in any Hadoop file system that all executors reach
   */
  public static Builder builder(SparkSession spark, String model) {
    return new Builder(spark, model);
  }

  /**
   * Samples without a condition.
   *
   * @param count number of samples, at least 1
   * @param partitions number of tasks, at least 1
   * @return with the columns {@code index} (bigint, from 0), {@code seed} (bigint), {@code label}
   *     (int, null here) and {@code values} (array of float: the sample in C order). Nothing is
   *     computed before an action asks for it
   */
  public Dataset<Row> values(int count, int partitions) {
    return values(indices(count, partitions));
  }

  /**
   * Samples for conditions.
   *
   * @param conditions with a column {@code index} (int or bigint): the index of the sample in the
   *     run, in [0, 2^31 - 2]; and perhaps with {@code label} (int; null for a sample without) and
   *     {@code embedding} (array of float: one token). Its partitions are the tasks; rows of
   *     consecutive indices are fastest
   * @return as for {@link #values(int, int)}, a row for each
   */
  public Dataset<Row> values(Dataset<Row> conditions) {
    return sampled(conditions, SampleForm.VALUES);
  }

  /**
   * Samples as pictures, without a condition.
   *
   * @param count number of samples, at least 1
   * @param partitions number of tasks, at least 1
   * @return as for {@link #values(int, int)}, but with {@code png} (binary: a PNG file) in place of
   *     {@code values}; samples must have 1 or 3 channels
   */
  public Dataset<Row> pictures(int count, int partitions) {
    return pictures(indices(count, partitions));
  }

  /**
   * Samples as pictures for conditions.
   *
   * @param conditions as for {@link #values(Dataset)}
   * @return as for {@link #pictures(int, int)}, a row for each
   */
  public Dataset<Row> pictures(Dataset<Row> conditions) {
    return sampled(conditions, SampleForm.PNG);
  }

  private Dataset<Row> indices(int count, int partitions) {
    requirePositive("count", count);
    requirePositive("partitions", partitions);
    return spark.range(0, count, 1, partitions).toDF(ConditionRows.INDEX);
  }

  private Dataset<Row> sampled(Dataset<Row> conditions, SampleForm form) {
    ConditionRows.require(conditions.schema());
    SamplingJob ofForm =
        new SamplingJob(
            job.model(),
            job.fingerprint(),
            job.sampler(),
            job.denoiser(),
            job.seed(),
            job.batchSize(),
            job.memory(),
            form);
    return conditions.mapPartitions(ofForm, Encoders.row(ConditionRows.schema(form)));
  }

  /**
   * Writes pictures as PNG files, which are named by their index: {@code 00000042.png}. A file
   * appears when it is complete, and replaces one of the same name. So a task that is tried again
   * writes the same files.
   *
   * @param pictures with the columns {@code index} and {@code png}, as from {@link #pictures(int,
   *     int)}
   * @param folder in any Hadoop file system that all executors reach; created if missing
   * @throws IOException if the folder cannot be created
   */
  public static void writePictures(Dataset<Row> pictures, String folder) throws IOException {
    List<String> columns = List.of(pictures.columns());
    if (!columns.containsAll(List.of(ConditionRows.INDEX, SampleForm.PNG.column()))) {
      throw new IllegalArgumentException(
          "pictures must have the columns index and png but have " + columns);
    }
    SharedFolder target = SharedFolder.of(pictures.sparkSession(), folder);
    target.create();
    Dataset<Row> files =
        pictures.select(
            functions.col(ConditionRows.INDEX).cast(DataTypes.LongType),
            functions.col(SampleForm.PNG.column()));
    ForeachPartitionFunction<Row> write =
        rows -> {
          while (rows.hasNext()) {
            Row row = rows.next();
            String name = String.format(Locale.ROOT, "%08d.png", row.getLong(0));
            byte[] png = row.getAs(1);
            target.write(name, out -> out.write(png));
          }
        };
    files.foreachPartition(write);
    target.deleteUnfinished();
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + " must be at least 1 but was " + value);
    }
  }

  /** Builds what samples. */
  public static final class Builder {

    private final SparkSession spark;
    private final String model;
    private FromModel<? extends Sampler> sampler = model -> Samplers.of(model.scheduler(), 50);
    private FromModel<? extends Denoiser> denoiser = PretrainedModel::model;
    private long seed;
    private int batchSize = 64;
    private @Nullable Long memory;

    private Builder(SparkSession spark, String model) {
      this.spark = Objects.requireNonNull(spark, "spark");
      this.model = Objects.requireNonNull(model, "model");
    }

    /**
     * Sets the sampler; by default that of the model's scheduler, with 50 steps.
     *
     * @param name as for {@link Samplers#named}
     * @param steps in [1, T]
     * @throws IllegalArgumentException if there is no such sampler
     */
    public Builder sampler(String name, int steps) {
      Samplers.named(name, steps);
      return sampler(model -> Samplers.named(name, steps));
    }

    /** Sets how each task makes its sampler. */
    public Builder sampler(FromModel<? extends Sampler> made) {
      sampler = Objects.requireNonNull(made, "sampler");
      return this;
    }

    /**
     * Sets what is sampled from, in place of the model itself: for example {@code m ->
     * ClassifierFreeGuidance.of(m.model(), 3)}.
     */
    public Builder denoiser(FromModel<? extends Denoiser> made) {
      denoiser = Objects.requireNonNull(made, "denoiser");
      return this;
    }

    /** Sets the seed of the noise; by default 0. */
    public Builder seed(long number) {
      seed = number;
      return this;
    }

    /** Sets the number of samples that a task draws at a time; by default 64. */
    public Builder batchSize(int size) {
      requirePositive("batch size", size);
      batchSize = size;
      return this;
    }

    /**
     * Limits the native memory of a task, as {@link
     * org.diffusion4j.SamplingRequest.Builder#memoryLimit} does: batches get as small as needed.
     *
     * @param bytes positive
     */
    public Builder memoryPerTask(long bytes) {
      if (bytes < 1) {
        throw new IllegalArgumentException("memory per task must be positive but was " + bytes);
      }
      memory = bytes;
      return this;
    }

    /**
     * What samples.
     *
     * @throws IOException if there is no model directory
     */
    public SparkSampling build() throws IOException {
      SharedFolder folder = SharedFolder.of(spark, model);
      if (!folder.exists("model_index.json")) {
        throw new IOException(folder + ": must be a model directory but has no model_index.json");
      }
      return new SparkSampling(
          spark,
          new SamplingJob(
              folder,
              folder.fingerprint(),
              sampler,
              denoiser,
              seed,
              batchSize,
              memory,
              SampleForm.VALUES));
    }
  }
}
