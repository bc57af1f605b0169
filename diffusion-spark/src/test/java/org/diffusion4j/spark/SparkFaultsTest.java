package org.diffusion4j.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.sql.SparkSession;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.training.DiffusionTrainer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trainings whose executors are killed or stopped, again and again. */
@Tag("slow")
class SparkFaultsTest {

  private static final int FAULTS = 20;
  private static final int STEPS = 90;

  private static SparkSession spark;
  private static SparkSamples samples;

  @TempDir static Path directory;

  @BeforeAll
  static void start() throws IOException {
    spark =
        Cluster.start(
            2,
            Map.of(
                "spark.stage.maxConsecutiveAttempts", Integer.toString(FAULTS + 5),
                "spark.deploy.maxExecutorRetries", "-1",
                "spark.network.timeout", "20s",
                "spark.network.timeoutInterval", "10s"));
    samples =
        SparkSamples.vectors(SmallModels.rows(spark, 41, 2), SmallModels.columns())
            .withLabels("class")
            .store(directory.resolve("samples").toString());
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static SparkTraining.Builder builder(String name) {
    return SparkTraining.builder(spark, samples, directory.resolve(name).toString())
        .batchSize(12)
        .pieces(4)
        .executors(2)
        .checkpointEvery(2);
  }

  /** Meets a fault in some steps of some processes. */
  static final class Disturbed extends SmallModels.Training {

    private static final long serialVersionUID = 1;

    private final String folder;
    private final int[] steps;
    private final boolean stops;

    /**
     * @param folder where a file is made for each fault
     * @param steps after which a fault happens, each once
     * @param stops whether processes are stopped instead of killed
     */
    Disturbed(Path folder, int[] steps, boolean stops) {
      this.folder = folder.toString();
      this.steps = steps;
      this.stops = stops;
    }

    @Override
    public DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
      return super.settings(builder, data).preview(1, (model, done) -> afterStep((int) done));
    }

    private void afterStep(int done) {
      for (int fault = 0; fault < steps.length; fault++) {
        Path mark = Path.of(folder).resolve("fault-" + fault);
        boolean ours = BarrierTaskContext.get().partitionId() == fault % 2;
        if (steps[fault] == done && ours && !Files.exists(mark)) {
          try {
            Files.createFile(mark);
            happen();
          } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
          }
        }
      }
    }

    private void happen() throws IOException, InterruptedException {
      if (stops) {
        String pid = Long.toString(ProcessHandle.current().pid());
        new ProcessBuilder("kill", "-STOP", pid).start().waitFor();
      } else {
        Runtime.getRuntime().halt(1);
      }
    }
  }

  private static Path marks(String name) throws IOException {
    return Files.createDirectories(directory.resolve(name));
  }

  @Test
  void executorsKilledTwentyTimes_changeNoBit() throws IOException {
    Random random = new Random(4);
    int[] steps = IntStream.range(0, FAULTS).map(i -> 4 * i + 1 + random.nextInt(4)).toArray();
    Path marks = marks("kills");
    SparkTraining.Report disturbed =
        builder("disturbed").build().trainTo(STEPS, new Disturbed(marks, steps, false));
    assertThat(LocalFolders.list(marks)).hasSize(FAULTS);
    SparkTraining.Report undisturbed =
        builder("undisturbed").build().trainTo(STEPS, new SmallModels.Training());
    assertThat(SparkTrainingTest.hash(disturbed.checkpoint()))
        .isEqualTo(SparkTrainingTest.hash(undisturbed.checkpoint()));
  }

  @Test
  void anExecutorThatIsStopped_isNamedWithinTheTimeout() throws IOException {
    List<String> failures = new CopyOnWriteArrayList<>();
    SparkListener listener =
        new SparkListener() {
          @Override
          public void onStageCompleted(SparkListenerStageCompleted stage) {
            if (stage.stageInfo().failureReason().isDefined()) {
              failures.add(stage.stageInfo().failureReason().get());
            }
          }
        };
    spark.sparkContext().addSparkListener(listener);
    try {
      Path marks = marks("stops");
      builder("stopped")
          .timeout(Duration.ofSeconds(20))
          .build()
          .trainTo(12, new Disturbed(marks, new int[] {5}, true));
      assertThat(LocalFolders.list(marks)).hasSize(1);
    } finally {
      spark.sparkContext().removeSparkListener(listener);
    }
    assertThat(failures)
        .anySatisfy(
            failure ->
                assertThat(failure)
                    .containsPattern("process 0 at [^ ]+ must answer within 20000 ms but did not"));
  }
}
