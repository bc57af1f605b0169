package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ContestantTest {

  @Test
  void does_trainingOfOnnxRuntime_isFalse() {
    assertThat(Contestant.ONNXRUNTIME.does(Mode.INFER)).isTrue();
    assertThat(Contestant.ONNXRUNTIME.does(Mode.TRAIN)).isFalse();
    assertThat(Contestant.LIBTORCH.does(Mode.TRAIN)).isTrue();
  }

  @Test
  void settings_ofOurs_holdTheThreads() {
    int processors = Runtime.getRuntime().availableProcessors();
    assertThat(Contestant.OURS.environment(1)).containsEntry("OMP_NUM_THREADS", "1");
    assertThat(Contestant.OURS.jvmOptions(processors))
        .noneMatch(option -> option.contains("ActiveProcessorCount"));
    assertThat(Contestant.OURS.jvmOptions(processors - 1))
        .contains("-XX:ActiveProcessorCount=" + (processors - 1));
  }

  @Test
  void settings_ofThePeers_areTheirBest() {
    assertThat(Contestant.LIBTORCH.environment(2))
        .containsEntry("MALLOC_MMAP_THRESHOLD_", "4294967296")
        .containsEntry("GOMP_SPINCOUNT", "10000")
        .doesNotContainKey("OMP_NUM_THREADS");
    assertThat(Contestant.LIBTORCH.jvmOptions(2))
        .as("its own libraries and none of the system's")
        .contains("-Djava.library.path=", "-Dorg.bytedeco.javacpp.platform.extension=-");
    assertThat(Contestant.ONNXRUNTIME.environment(2)).containsEntry("ORT_DISABLE_TELEMETRY", "1");
  }
}
