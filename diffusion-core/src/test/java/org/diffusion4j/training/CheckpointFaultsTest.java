package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checkpoints that are damaged, hold ruined weights, or have another writer. */
class CheckpointFaultsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50);
  private static final String STATE = "training/state.json";
  private static final String CHECKSUMS = "training/checksums.json";

  @TempDir Path directory;
  private Path folder;

  @BeforeEach
  void chooseFolder() {
    folder = directory.resolve("checkpoints");
  }

  private static SampleIterator data() {
    double[][] rows = new double[12][2];
    for (int i = 0; i < rows.length; i++) {
      rows[i][0] = (float) Math.sin(i);
      rows[i][1] = (float) Math.cos(3 * i);
    }
    return SampleIterator.of(SampleSource.ofVectors(rows), 4).shuffle(3).build();
  }

  private static Mlp mlp() {
    return Mlp.create(new Mlp.Config(2, 4, 1), SCHEDULE, 1);
  }

  private DiffusionTrainer trainer(SameDiffDenoiser model, double rate, int every, int kept) {
    return DiffusionTrainer.builder(model)
        .optimizer(Optimizer.adam(rate))
        .ema(0.9)
        .checkpoints(Checkpoints.in(folder).everySteps(every).keepLast(kept))
        .build();
  }

  private void train(int steps) {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 0.01, 5, 3)) {
      trainer.train(data(), steps);
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private Path at(long step) {
    return new CheckpointFolder(folder).at(step);
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e30, 1e15, 1e10})
  void train_thatDiverges_keepsTheLastGoodCheckpoint(double rate) throws IOException {
    train(5);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, rate, 1, 1)) {
      trainer.resume();
      assertThatExceptionOfType(TrainingException.class)
          .isThrownBy(() -> trainer.train(data(), 50))
          .withMessageContaining("lower the learning rate or maxGradientNorm")
          .withMessageContaining("and resume from step-00000005")
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300));
    }
    assertThat(names()).containsExactly("step-00000005");
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 0.01, 1, 1)) {
      assertThat(trainer.resume()).isEqualTo(5);
      trainer.train(data(), 20);
      assertThat(trainer.steps()).isEqualTo(25);
    }
  }

  @Test
  void train_thatDivergesAtOnce_leavesNothingToResumeFrom() throws IOException {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 1e30, 1, 2)) {
      assertThatExceptionOfType(TrainingException.class)
          .isThrownBy(() -> trainer.train(data(), 50));
    }
    assertThat(names()).isEmpty();
  }

  /** Changes a file of the newest checkpoint and its checksum. */
  private void edit(String name, UnaryOperator<String> change) throws IOException {
    Path file = at(10).resolve(name);
    byte[] before = Files.readAllBytes(file);
    byte[] after =
        change
            .apply(new String(before, StandardCharsets.ISO_8859_1))
            .getBytes(StandardCharsets.ISO_8859_1);
    assertThat(after).isNotEqualTo(before);
    write(file, before, after);
  }

  private void write(Path file, byte[] before, byte[] after) throws IOException {
    rewrite(file, after);
    Path list = at(10).resolve(CHECKSUMS);
    String old = Hashing.crc32c().hashBytes(before).toString();
    String fresh = Hashing.crc32c().hashBytes(after).toString();
    String sums = Files.readString(list, StandardCharsets.ISO_8859_1);
    String renewed = sums.replace("crc32c:" + old, "crc32c:" + fresh);
    rewrite(list, renewed.getBytes(StandardCharsets.ISO_8859_1));
  }

  /**
   * As a new file: some file systems send one that is cut and written again to the disk at once.
   */
  private static void rewrite(Path file, byte[] bytes) throws IOException {
    Files.delete(file);
    Files.write(file, bytes);
  }

  private static Map<String, INDArray> copy(SameDiffDenoiser model) {
    Map<String, INDArray> copy = new LinkedHashMap<>();
    model.parameters().forEach((name, weight) -> copy.put(name, weight.dup()));
    return copy;
  }

  private void assertIsPassedOver(String problem) throws IOException {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 0.01, 5, 3)) {
      assertThat(trainer.resume()).isEqualTo(5);
    }
    MoreFiles.deleteRecursively(at(5), RecursiveDeleteOption.ALLOW_INSECURE);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 0.01, 5, 3)) {
      Map<String, INDArray> before = copy(model);
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(trainer::resume)
          .withMessageStartingWith(folder + ": at least one checkpoint must be undamaged but")
          .withMessageContaining(problem)
          .satisfies(
              e ->
                  assertThat(e.getMessage().length() - folder.toString().length()).isLessThan(300));
      assertThat(model.parameters()).isEqualTo(before);
      trainer.useAverage();
      assertThat(model.parameters()).isEqualTo(before);
      assertThat(trainer.steps()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"step\": 10|\"step\": 3000000000|step must be a whole number in [1, 2147483646] but was"
            + " 3000000000",
        "\"step\": 10|\"step\": 9223372036854775807|step must be a whole number",
        "\"step\": 10|\"step\": -1|step must be a whole number",
        "\"step\": 10|\"step\": 9|step must be that of the directory but was 9",
        "\"step\": 10|\"step\": 1e300|step must be a whole number",
        "\"best_step\": -1|\"best_step\": 11|best_step must be",
        "\"best_loss\": Infinity|\"best_loss\": NaN|best_loss must be a number",
        "\"losses\": {|\"lossy\": {|losses must be an object but was null",
        "\"epoch\": |\"epoch\": -0.5, \"y\": |epoch must be a whole number",
        "\"description\": \"|\"description\": 7, \"x\": \"|description must be a string but was 7",
        "\"quartiles\": [|\"quartiles\": [1.0, |quartiles must be a list of 4",
      })
  void resume_fromAnImpossibleState_usesTheOneBefore(String old, String by, String problem)
      throws IOException {
    train(10);
    edit(STATE, state -> state.replaceFirst(Pattern.quote(old), by));
    assertIsPassedOver(problem);
  }

  /** What is logged when training is resumed from a checkpoint whose settings were edited. */
  private String warnings(String old, String by) throws IOException {
    edit(STATE, state -> state.replace(old, by));
    PrintStream before = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 0.01, 5, 3);
        PrintStream captured = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      System.setErr(captured);
      assertThat(trainer.resume()).isEqualTo(10);
    } finally {
      System.setErr(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void resume_fromACheckpointThatCallsTheLossObjective_warnsOfAnotherLossAlone()
      throws IOException {
    train(10);
    assertThat(warnings("\"loss\":", "\"objective\":")).doesNotContain("from now on");
    assertThat(warnings("meanSquaredError(simple)", "hybrid(lambda=0.1)"))
        .contains("loss is meanSquaredError(simple) from now on, it was hybrid(lambda=0.1)");
  }

  @Test
  void resume_fromAListWithAnImpossibleName_usesTheOneBefore() throws IOException {
    train(10);
    Path list = at(10).resolve(CHECKSUMS);
    String bad =
        Files.readString(list).replace("training/state.json", "training/state\\u0000.json");
    Files.writeString(list, bad);
    assertIsPassedOver("training/state\\u0000.json: is missing");
  }

  @Test
  void resume_fromAListThatLacksAFile_usesTheOneBefore() throws IOException {
    train(10);
    Files.writeString(at(10).resolve(CHECKSUMS), "{}");
    assertIsPassedOver("must have a checksum of training/");
  }

  @Test
  void resume_fromWeightsThatAreNotFinite_usesTheOneBefore() throws IOException {
    train(10);
    edit(
        "training/average.safetensors",
        text -> text.substring(0, text.length() - 4) + "\0\0\u00c0\u007f");
    assertIsPassedOver("must be finite but is not");
  }

  @Test
  void resume_afterAKillBetweenTheTwoRenamesOfAReplacement_findsTheOneBefore() throws IOException {
    train(10);
    MoreFiles.deleteRecursively(at(5), RecursiveDeleteOption.ALLOW_INSECURE);
    Files.move(at(10), folder.resolve(".step-00000010.some.old"));
    Path notInItsPlaceYet = Files.createDirectory(folder.resolve(".step-00000015.some.tmp"));
    Files.createDirectory(notInItsPlaceYet.resolve("training"));
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model, 0.01, 5, 3)) {
      assertThat(trainer.resume()).isEqualTo(10);
    }
    assertThat(names()).containsExactly("step-00000010");
  }

  @Test
  void train_whereAnotherTrains_isRefusedAndDeletesNothing() throws IOException {
    train(5);
    try (Mlp model = mlp();
        Mlp other = mlp();
        DiffusionTrainer first = trainer(model, 0.01, 5, 3);
        DiffusionTrainer second = trainer(other, 0.01, 5, 3)) {
      first.resume();
      Path halfWritten = Files.createDirectory(folder.resolve(".step-00000010.x.tmp"));
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(second::resume)
          .withMessageStartingWith(folder + ": must have one writer but this process");
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> second.train(data(), 1))
          .withMessageStartingWith(folder + ": must have one writer but this process");
      assertThat(halfWritten).exists();
      first.train(data(), 5);
      first.close();
      assertThat(second.resume()).isEqualTo(10);
    }
  }

  /** A number of damaged checkpoints: {@code -Dfuzz=3000} for more. */
  @Test
  void resume_fromAnyDamage_usesTheOneBeforeOrChangesNothing() throws IOException {
    train(10);
    List<Path> files;
    try (Stream<Path> walk = Files.walk(at(10))) {
      files = walk.filter(Files::isRegularFile).sorted().toList();
    }
    Random random = new Random(5);
    int fromTheOneBefore = 0;
    int number = Integer.getInteger("fuzz", 150);
    try (Mlp model = mlp()) {
      Map<String, INDArray> fresh = copy(model);
      for (int i = 0; i < number; i++) {
        Path file = files.get(i % files.size());
        byte[] whole = Files.readAllBytes(file);
        byte[] list = Files.readAllBytes(at(10).resolve(CHECKSUMS));
        byte[] damaged = damaged(whole, random);
        if (random.nextBoolean()) {
          write(file, whole, damaged);
        } else {
          rewrite(file, damaged);
        }
        boolean alone = random.nextInt(4) == 0;
        Path away = directory.resolve("away");
        if (alone) {
          Files.move(at(5), away);
        }
        try (DiffusionTrainer trainer = trainer(model, 0.01, 5, 3)) {
          Map<String, INDArray> before = copy(model);
          try {
            long step = trainer.resume();
            assertThat(step).isIn(5L, 10L);
            fromTheOneBefore += step == 5 ? 1 : 0;
          } catch (IOException | IllegalArgumentException e) {
            // What tells a state of another model from a damaged one, when its checksum is right?
            assertThat(alone || e instanceof IllegalArgumentException).as("%d: %s", i, e).isTrue();
            assertThat(e.getMessage().length() - folder.toString().length()).isLessThan(400);
            assertThat(model.parameters()).as("%d: %s", i, e).isEqualTo(before);
          }
        }
        fresh.forEach((name, weight) -> model.parameters().get(name).assign(weight));
        if (alone) {
          Files.move(away, at(5));
        }
        rewrite(at(10).resolve(CHECKSUMS), list);
        rewrite(file, whole);
      }
    }
    assertThat(fromTheOneBefore).isGreaterThan(number / 4);
  }

  private static byte[] damaged(byte[] whole, Random random) {
    byte[] bytes = whole.clone();
    switch (random.nextInt(5)) {
      case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(100));
      case 2 -> {
        int at = random.nextInt(bytes.length);
        bytes[at] = (byte) ("0123456789-{}[],:\"\\ntfe".charAt(random.nextInt(23)));
      }
      case 3 -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      default -> {
        for (int i = 0; i < 8; i++) {
          bytes[random.nextInt(Math.min(bytes.length, 300))] = (byte) random.nextInt();
        }
      }
    }
    return bytes;
  }
}
