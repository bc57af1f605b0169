package org.diffusion4j.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.SparkException;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Samples of executors are those of one process. */
class SparkSamplingTest {

  private static final int COUNT = 200;
  private static final int CLASSES = 3;

  private static SparkSession spark;

  @TempDir static Path directory;

  @BeforeAll
  static void start() {
    spark = Cluster.shared();
    SmallModels.save(model());
  }

  private static Path model() {
    return directory.resolve("model");
  }

  private static SparkSampling.Builder builder() {
    return SparkSampling.builder(spark, model().toString())
        .sampler("euler-ancestral", 4)
        .denoiser(loaded -> ClassifierFreeGuidance.of(loaded.model(), 2))
        .batchSize(16)
        .seed(11);
  }

  private static Dataset<Row> conditions(int partitions) {
    return spark
        .range(0, COUNT, 1, partitions)
        .toDF("index")
        .withColumn("label", col("index").mod(CLASSES).cast("int"));
  }

  /** The samples of a process alone, by index. */
  private static List<float[]> alone() throws IOException {
    int[] labels = IntStream.range(0, COUNT).map(i -> i % CLASSES).toArray();
    SamplingRequest request =
        SamplingRequest.builder(COUNT).seed(11).condition(Condition.labels(labels)).build();
    try (PretrainedModel loaded = PretrainedModel.load(model());
        SamplingResult result =
            Samplers.named("euler-ancestral", 4)
                .sample(ClassifierFreeGuidance.of(loaded.model(), 2), request)) {
      return rows(result.samples());
    }
  }

  private static List<float[]> rows(INDArray samples) {
    return IntStream.range(0, (int) samples.size(0))
        .mapToObj(i -> samples.slice(i).dup('c').data().asFloat())
        .toList();
  }

  private static void assertSame(Dataset<Row> samples, List<float[]> expected) {
    List<Row> rows = samples.sort("index").collectAsList();
    assertThat(rows).hasSameSizeAs(expected);
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      assertThat(row.getLong(0)).isEqualTo(i);
      assertThat(row.getLong(1)).isEqualTo(11);
      assertThat(row.getInt(2)).isEqualTo(i % CLASSES);
      List<Float> values = row.getList(3);
      for (int k = 0; k < values.size(); k++) {
        assertThat(Float.floatToRawIntBits(values.get(k)))
            .isEqualTo(Float.floatToRawIntBits(expected.get(i)[k]));
      }
    }
  }

  @Test
  void values_haveTheBitsOfOneProcess_whateverThePartitions() throws IOException {
    List<float[]> expected = alone();
    SparkSampling sampling = builder().build();
    for (int partitions : new int[] {1, 2, 5, 16}) {
      assertSame(sampling.values(conditions(partitions)), expected);
    }
    // Rows of no order, so that batches have gaps.
    assertSame(sampling.values(conditions(1).repartition(3, col("label"))), expected);
    Path parquet = directory.resolve("parquet");
    sampling.values(conditions(2)).write().parquet(parquet.toString());
    assertSame(spark.read().parquet(parquet.toString()), expected);
  }

  @Tag("slow")
  @Test
  void values_ofAJobWhoseExecutorIsKilled_areTheSame() throws IOException {
    String marker = directory.resolve("killed").toString();
    SparkSampling sampling =
        builder()
            .denoiser(
                loaded -> {
                  killOnce(marker);
                  return ClassifierFreeGuidance.of(loaded.model(), 2);
                })
            .build();
    assertSame(sampling.values(conditions(5)), alone());
    assertThat(Path.of(marker)).exists();
  }

  private static void killOnce(String marker) {
    if (TaskContext.getPartitionId() == 2) {
      try {
        Files.createFile(Path.of(marker));
        Runtime.getRuntime().halt(1);
      } catch (IOException again) {
        // The task is tried again.
        assertThat(again).hasMessageContaining("killed");
      }
    }
  }

  @Test
  void pictures_areFilesNamedByIndex_theSameAgain() throws IOException {
    Dataset<Row> pictures = builder().build().pictures(conditions(3).filter("index >= 195"));
    Path folder = directory.resolve("pictures");
    SparkSampling.writePictures(pictures, folder.toString());
    assertThat(LocalFolders.list(folder))
        .containsExactlyElementsOf(
            IntStream.range(195, 200).mapToObj(i -> "00000" + i + ".png").toList());
    byte[] first = Files.readAllBytes(folder.resolve("00000197.png"));
    try (INDArray read = ImageFiles.read(folder.resolve("00000197.png"), 1, 4, 4)) {
      float[] values = read.dup('c').data().asFloat();
      float[] expected = alone().get(197);
      for (int i = 0; i < values.length; i++) {
        float clipped = Math.max(-1, Math.min(1, expected[i]));
        assertThat(values[i]).isCloseTo(clipped, org.assertj.core.data.Offset.offset(0.005f));
      }
    }
    SparkSampling.writePictures(pictures, folder.toString());
    assertThat(LocalFolders.list(folder)).hasSize(5);
    assertThat(Files.readAllBytes(folder.resolve("00000197.png"))).isEqualTo(first);
  }

  @Test
  void embeddings_areAColumn() throws IOException {
    Path folder = directory.resolve("embedded");
    Mlp.Config config = new Mlp.Config(2, 4, 1, 0, false, 3);
    float[][][] tokens = new float[6][1][3];
    for (int i = 0; i < 18; i++) {
      tokens[i / 3][0][i % 3] = (float) Math.sin(i);
    }
    List<float[]> expected;
    try (Mlp model = Mlp.create(config, NoiseSchedule.linear(50), Prediction.EPSILON, 3);
        INDArray embeddings = Nd4j.create(tokens);
        SamplingResult result =
            Samplers.named("ddim", 3)
                .sample(
                    model,
                    SamplingRequest.builder(6)
                        .seed(11)
                        .condition(Condition.embeddings(embeddings))
                        .build())) {
      PretrainedModel.of(model).save(folder);
      expected = rows(result.samples());
    }
    List<Row> rows = new ArrayList<>();
    for (int i = 5; i >= 0; i--) {
      float[] token = tokens[i][0];
      rows.add(RowFactory.create((long) i, List.of(token[0], token[1], token[2])));
    }
    StructType columns =
        new StructType()
            .add("index", DataTypes.LongType)
            .add("embedding", DataTypes.createArrayType(DataTypes.FloatType));
    List<Row> found =
        SparkSampling.builder(spark, folder.toString())
            .sampler("ddim", 3)
            .seed(11)
            .build()
            .values(spark.createDataFrame(rows, columns).repartition(2))
            .sort("index")
            .collectAsList();
    for (int i = 0; i < 6; i++) {
      assertThat(found.get(i).<Float>getList(3))
          .containsExactly(expected.get(i)[0], expected.get(i)[1]);
    }
  }

  @Test
  void whatDoesNotFit_isRefusedBeforeTheJob() throws IOException {
    SparkSampling sampling = builder().build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampling.values(spark.range(3).toDF("number")))
        .withMessage("conditions must have a column named index but have [number]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampling.values(conditions(1).withColumn("label", lit("1"))))
        .withMessage("column label must be int but was string");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampling.values(0, 1))
        .withMessage("count must be at least 1 but was 0");
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> SparkSampling.builder(spark, directory.toString()).build())
        .withMessageEndingWith("must be a model directory but has no model_index.json");
  }

  @Test
  void whatOnlyAnExecutorKnows_isInTheFailedTask() throws IOException {
    Dataset<Row> samples =
        builder().build().values(conditions(1).withColumn("label", lit(CLASSES)).limit(1));
    assertThatExceptionOfType(SparkException.class)
        .isThrownBy(samples::collectAsList)
        .withMessageContaining("label must be in [0, 2] or UNLABELLED but was 3");
  }
}
