package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.diffusion4j.pretrained.Checkpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whatever moment a training is killed at, it resumes as if nothing had happened. */
@Tag("slow")
class KillTest {

  private static final Logger LOG = LoggerFactory.getLogger(KillTest.class);

  private static final int KILLS = 100;
  private static final int KEPT = 2;

  /** More than the killed processes get through. */
  private static final int STEPS = 1200;

  private final Random random = new Random(5);

  /** Steps of the checkpoints that the killed processes said they had written. */
  private final TreeSet<Long> reported = new TreeSet<>();

  /** Steps of the checkpoints that lay there after the last kill. */
  private TreeMap<Long, Path> onDisk = new TreeMap<>();

  /** How long a process takes until it begins to train. */
  private long startNanos;

  /** How long it takes from a checkpoint to the next. */
  private long cycleNanos;

  @TempDir private Path directory;
  private Path undisturbed;
  private Path killed;

  @BeforeEach
  void makeDirectories() throws IOException {
    undisturbed = Files.createDirectory(directory.resolve("undisturbed"));
    killed = Files.createDirectory(directory.resolve("killed"));
  }

  /** What a process is doing when it is killed. */
  private enum Moment {
    STARTING,
    TRAINING,
    WRITING
  }

  @Test
  void resume_afterAnyOfManyKills_isNeverHavingStopped() throws Exception {
    runUndisturbed();
    Map<Moment, Integer> moments = new TreeMap<>();
    int duringWriting = 0;
    int duringPruning = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      Set<String> before = leftovers();
      Moment moment = moment();
      moments.merge(moment, 1, Integer::sum);
      startAndKill(moment);
      assertNothingIsLost();
      Set<String> left = leftovers();
      left.removeAll(before);
      boolean pruning = left.stream().anyMatch(name -> name.endsWith(".old.tmp"));
      duringPruning += pruning ? 1 : 0;
      duringWriting += !pruning && !left.isEmpty() ? 1 : 0;
    }
    LOG.info(
        "{} kills, {}; {} while a checkpoint was written, {} while old ones were deleted; at step"
            + " {}; {} ms to start, {} ms a checkpoint",
        KILLS,
        moments,
        duringWriting,
        duringPruning,
        onDisk.lastKey(),
        startNanos / 1_000_000,
        cycleNanos / 1_000_000);
    assertThat(duringWriting).as("kills while a checkpoint was being written").isPositive();

    runKilledToTheEnd();
    assertThat(files(killed)).isEqualTo(files(undisturbed));
    Path last = KilledTraining.checkpoints(Path.of("")).resolve("step-%08d".formatted(STEPS));
    assertThat(bytes(killed.resolve(last))).isEqualTo(bytes(undisturbed.resolve(last)));
    assertThat(rowsWithoutSpeed(killed)).isEqualTo(rowsWithoutSpeed(undisturbed));
    assertThat(Files.readString(log(killed))).doesNotContain("damaged");
  }

  private Moment moment() {
    int percent = random.nextInt(100);
    return percent < 15 ? Moment.STARTING : percent < 45 ? Moment.TRAINING : Moment.WRITING;
  }

  private void startAndKill(Moment moment) throws Exception {
    Process process = start(killed);
    try (BufferedReader output = process.inputReader()) {
      if (moment == Moment.STARTING) {
        LockSupport.parkNanos(random.nextLong(startNanos));
      } else {
        waitForStep(output, random.nextInt(10), moment == Moment.WRITING);
        LockSupport.parkNanos(random.nextLong(cycleNanos));
      }
      assertThat(process.isAlive()).as("the training must be longer").isTrue();
      process.toHandle().destroyForcibly();
      process.waitFor();
      output.lines().forEach(this::take);
    } finally {
      process.destroyForcibly();
    }
  }

  /** Waits for a number of steps and perhaps for the next that is followed by a checkpoint. */
  private void waitForStep(BufferedReader output, int steps, boolean due) throws IOException {
    int seen = -1;
    while (true) {
      String line = output.readLine();
      if (line == null) {
        throw new AssertionError("the training ended early: " + Files.readString(log(killed)));
      }
      take(line);
      if (!line.startsWith("checkpoint")) {
        seen++;
        long step = step(line);
        if (seen >= steps && (!due || step % KilledTraining.STEPS_BETWEEN_CHECKPOINTS == 0)) {
          return;
        }
      }
    }
  }

  private void take(String line) {
    if (line.startsWith("checkpoint ")) {
      reported.add(step(line));
    } else if (line.startsWith("resumed ")) {
      assertThat(step(line)).isEqualTo(onDisk.isEmpty() ? 0 : onDisk.lastKey());
    }
  }

  private static long step(String line) {
    return Long.parseLong(line.substring(line.indexOf(' ') + 1));
  }

  /** All that was reported is there, but for what younger ones have taken the place of. */
  private void assertNothingIsLost() throws IOException {
    TreeMap<Long, Path> found = checkpoints();
    if (!reported.isEmpty()) {
      assertThat(found).isNotEmpty();
      assertThat(found.lastKey()).isGreaterThanOrEqualTo(reported.last());
    }
    if (!onDisk.isEmpty()) {
      assertThat(found.lastKey()).isGreaterThanOrEqualTo(onDisk.lastKey());
    }
    for (Path checkpoint : found.values()) {
      long best = (Long) Checkpoint.open(checkpoint).state().get("best_step");
      if (checkpoint.equals(found.lastEntry().getValue()) && best >= 0) {
        assertThat(found).containsKey(best);
      }
    }
    List<Long> youngest = found.descendingKeySet().stream().limit(KEPT).toList();
    TreeSet<Long> lost = new TreeSet<>(reported);
    lost.addAll(onDisk.keySet());
    lost.removeAll(found.keySet());
    if (!lost.isEmpty()) {
      assertThat(youngest).hasSize(KEPT).allMatch(step -> step > lost.last());
    }
    onDisk = found;
  }

  private TreeMap<Long, Path> checkpoints() throws IOException {
    TreeMap<Long, Path> found = new TreeMap<>();
    for (String name : files(killed)) {
      if (name.startsWith("step-")) {
        Path path = KilledTraining.checkpoints(killed).resolve(name);
        found.put(Long.parseLong(name.substring("step-".length())), path);
      }
    }
    return found;
  }

  private Set<String> leftovers() throws IOException {
    return files(killed).stream()
        .filter(name -> name.startsWith(".") && !name.equals(".lock"))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static List<String> files(Path training) throws IOException {
    Path folder = KilledTraining.checkpoints(training);
    if (!Files.exists(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static Map<String, String> bytes(Path checkpoint) throws IOException {
    Map<String, String> bytes = new TreeMap<>();
    try (Stream<Path> files = Files.walk(checkpoint)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String text = HexFormat.of().formatHex(Files.readAllBytes(file));
        bytes.put(checkpoint.relativize(file).toString(), text);
      }
    }
    assertThat(bytes)
        .containsKeys(
            "mlp/diffusion_pytorch_model.safetensors",
            "training/weights.safetensors",
            "training/average.safetensors",
            "training/optimizer.safetensors",
            "training/state.json");
    return bytes;
  }

  private static List<String> rowsWithoutSpeed(Path training) throws IOException {
    int speed = List.of(CsvTrainingListener.COLUMNS.split(",")).indexOf("samples_per_second");
    List<String> rows = Files.readAllLines(KilledTraining.csv(training));
    assertThat(rows).hasSize(1 + STEPS);
    return rows.stream()
        .map(
            row -> {
              String[] fields = row.split(",", -1);
              fields[speed] = "";
              return String.join(",", fields);
            })
        .toList();
  }

  private void runUndisturbed() throws Exception {
    long start = System.nanoTime();
    Process process = start(undisturbed);
    try (BufferedReader output = process.inputReader()) {
      assertThat(output.readLine()).as(Files.readString(log(undisturbed))).isEqualTo("resumed 0");
      startNanos = System.nanoTime() - start;
      assertEnds(output, undisturbed);
      long cycles = STEPS / KilledTraining.STEPS_BETWEEN_CHECKPOINTS;
      cycleNanos = (System.nanoTime() - start - startNanos) / cycles;
    } finally {
      process.destroyForcibly();
    }
  }

  private void runKilledToTheEnd() throws Exception {
    Process process = start(killed);
    try (BufferedReader output = process.inputReader()) {
      assertEnds(output, killed);
    } finally {
      process.destroyForcibly();
    }
  }

  private static void assertEnds(BufferedReader output, Path training) throws IOException {
    String last = output.lines().reduce("", (before, line) -> line);
    assertThat(last).as(Files.readString(log(training))).isEqualTo("done " + STEPS);
  }

  private static Path log(Path training) {
    return training.resolve("log");
  }

  private static Process start(Path training) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            KilledTraining.class.getName(),
            training.toString(),
            Integer.toString(STEPS));
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.redirectError(ProcessBuilder.Redirect.appendTo(log(training).toFile()));
    return builder.start();
  }
}
