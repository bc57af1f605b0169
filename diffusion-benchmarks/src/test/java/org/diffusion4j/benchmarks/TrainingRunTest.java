package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingRunTest {

  private static final Net TINY = new Net("tiny", 4, 1, 8, List.of(1));

  @TempDir private Path directory;

  @Test
  void train_bareOrFull_takesWholeBatches() throws IOException {
    List<Integer> batches = new ArrayList<>();
    try (TrainingRun bare = TrainingRun.bare(TINY, 3);
        TrainingRun full = TrainingRun.full(TINY, 3, directory, 0)) {
      bare.train(2, step -> batches.add(step.batchSize()));
      full.train(2, step -> batches.add(step.batchSize()));
      full.train(1, step -> batches.add(step.batchSize()));
    }
    assertThat(batches).containsExactly(3, 3, 3, 3, 3);
    assertThat(Files.readAllLines(directory.resolve("training.csv"))).hasSize(1 + 3);
    assertThat(directory.resolve("checkpoints")).doesNotExist();
  }

  @Test
  void train_withCheckpoints_writesThem() throws IOException {
    try (TrainingRun full = TrainingRun.full(TINY, 3, directory, 2)) {
      full.train(3, step -> {});
    }
    assertThat(directory.resolve("checkpoints"))
        .isDirectoryContaining("glob:**/step-00000002")
        .isDirectoryContaining("glob:**/step-00000003");
  }

  @Test
  void line_ofTwoTimes_saysTheDifference() {
    assertThat(Overhead.line(Net.FASHION, 64, 200, 206))
        .isEqualTo("overhead net=fashion batch=64 bare_ms=200.00 full_ms=206.00 overhead=+3.0%");
  }
}
