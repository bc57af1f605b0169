package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.samplers.ReferenceSampler;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Scheduler configurations as the reference implementation writes them. */
class SavedConfigsReferenceTest {

  @TempDir Path directory;

  @TestFactory
  Stream<DynamicTest> configs_areReadAndWrittenByteForByte() {
    return ReferenceCases.folders("schedulers/_saved_configs").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(
                    folder.getFileName().toString(),
                    () -> check(folder.resolve("scheduler_config.json"))));
  }

  private void check(Path file) throws Exception {
    Map<String, Object> json = Json.read(file);
    Path copy = directory.resolve(file.getParent().getFileName() + ".json");
    Json.write(copy, json);
    assertThat(Files.readAllBytes(copy)).isEqualTo(Files.readAllBytes(file));

    Map<String, Object> settings = new TreeMap<>(json);
    String className = (String) settings.remove("_class_name");
    // The bytes are those of any scheduler, the schedule of those that have a sampler here.
    ReferenceSampler.assumeSampler(className);
    SchedulerConfig config = new SchedulerConfig(className, settings);
    NoiseSchedule schedule = config.schedule();
    assertThat(schedule.steps()).isEqualTo(((Number) json.get("num_train_timesteps")).intValue());
    assertThat(config.prediction()).isNotNull();
  }
}
