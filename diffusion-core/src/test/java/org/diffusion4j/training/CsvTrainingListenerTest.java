package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.diffusion4j.TrainingListener;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class CsvTrainingListenerTest {

  private static final String HEADER =
      "step,epoch,batch_size,loss,smoothed_loss,loss_1,loss_2,loss_3,loss_4,gradient_norm,"
          + "learning_rate,samples_per_second,validation_loss\n";

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void chooseFile() {
    file = folder.resolve("new/training.csv");
  }

  private static TrainingListener.Step step(long index) {
    return new TrainingListener.Step(
        index, 0, 2, 1.0 / (index + 1), 0.5, List.of(1.0, 2.0, 3.0, Double.NaN), 7, 1e-4, 80);
  }

  private static String row(long index) {
    return index + ",0,2," + 1.0 / (index + 1) + ",0.5,1.0,2.0,3.0,NaN,7.0,1.0E-4,80.0,";
  }

  /** A training from one step to another that is validated after every third. */
  private void train(long from, long to) throws IOException {
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      train(csv, from, to);
    }
  }

  private static void train(CsvTrainingListener csv, long from, long to) {
    for (long i = from; i < to; i++) {
      csv.onStep(step(i));
      if ((i + 1) % 3 == 0) {
        csv.onValidation(i + 1, i);
      }
    }
  }

  private String text() throws IOException {
    return Files.readString(file);
  }

  @Test
  void onStep_writesARowAtOnce() throws IOException {
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      csv.onStep(step(0));
      assertThat(text()).isEqualTo(HEADER + row(0));
      csv.onEpoch(0, 3);
      csv.onCheckpoint(1, folder);
      csv.onStep(step(1));
      csv.onValidation(2, 0.25);
      assertThat(text()).isEqualTo(HEADER + row(0) + "\n" + row(1) + "0.25");
      csv.onStep(step(2));
    }
    assertThat(text()).isEqualTo(HEADER + row(0) + "\n" + row(1) + "0.25\n" + row(2) + "\n");
  }

  @Test
  void onStep_resumedAnywhere_isAsIfUndisturbed() throws IOException {
    train(0, 10);
    String undisturbed = text();
    for (int checkpoint = 0; checkpoint <= 7; checkpoint++) {
      for (int killedAt = 0; killedAt < undisturbed.length(); killedAt += 17) {
        int atLeast = undisturbed.indexOf("\n" + checkpoint + ",");
        Files.writeString(file, undisturbed.substring(0, Math.max(atLeast, killedAt)));
        train(checkpoint, 10);
        assertThat(text()).isEqualTo(undisturbed);
      }
    }
  }

  @Test
  void onStep_newTraining_replacesTheFile() throws IOException {
    train(0, 10);
    train(0, 2);

    assertThat(text()).isEqualTo(HEADER + row(0) + "\n" + row(1) + "\n");
  }

  @Test
  void onStep_sameListenerBeginsAgain_goesBack() throws IOException {
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      train(csv, 0, 5);
      train(csv, 4, 6);
    }

    assertThat(text().lines().skip(1).map(line -> line.split(",")[0]).collect(Collectors.toList()))
        .containsExactly("0", "1", "2", "3", "4", "5");
  }

  @Test
  void onValidation_afterResume_completesTheRowOnce() throws IOException {
    train(0, 2);
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      csv.onValidation(1, 5);
      csv.onValidation(1, 6);
      csv.onValidation(9, 7);
    }
    assertThat(text()).isEqualTo(HEADER + row(0) + "5.0\n");
    try (CsvTrainingListener csv = CsvTrainingListener.open(folder.resolve("other.csv"))) {
      csv.onValidation(0, 5);
    }
    assertThat(Files.readString(folder.resolve("other.csv"))).isEqualTo(HEADER);
  }

  @Test
  void onStep_interrupted_writesAndStaysInterrupted() throws IOException {
    train(0, 2);
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      Thread.currentThread().interrupt();
      csv.onStep(step(2));
      csv.onStep(step(3));
      assertThat(Thread.interrupted()).isTrue();
    }

    assertThat(text()).endsWith(row(2) + "\n" + row(3) + "\n");
  }

  @Test
  void open_unused_changesNothing() throws IOException {
    train(0, 4);
    String before = text();
    CsvTrainingListener.open(file).close();

    assertThat(text()).isEqualTo(before);
  }

  @Test
  void open_otherFile_isRefusedUnchanged() throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "a,b\n1,2\n");

    assertThatThrownBy(() -> CsvTrainingListener.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": first line must be 'step,epoch,")
        .hasMessageEndingWith("but is 'a,b'");
    assertThat(text()).isEqualTo("a,b\n1,2\n");
    assertThatThrownBy(() -> CsvTrainingListener.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString());
  }

  @Test
  void onStep_damagedInTheMiddle_isRefusedUnchanged() throws IOException {
    train(0, 4);
    String damaged = text().replace("\n1,", "\none,");
    Files.writeString(file, damaged);
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      assertThatThrownBy(() -> csv.onStep(step(4)))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage(file + ": cannot be written: it is damaged after step 0");
    }

    assertThat(text()).isEqualTo(damaged);
  }

  @Test
  void onStep_closed_isRefused() throws IOException {
    CsvTrainingListener csv = CsvTrainingListener.open(file);
    csv.onStep(step(0));
    csv.close();
    csv.close();

    assertThatThrownBy(() -> csv.onStep(step(1)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith(file + ": cannot be written");
    assertThat(text()).isEqualTo(HEADER + row(0) + "\n");
  }

  @Test
  void onStep_noQuartiles_areNaN() throws IOException {
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      csv.onStep(new TrainingListener.Step(0, 0, 1, 1, 1, List.of(), 1, 1, 1));
    }

    assertThat(text()).isEqualTo(HEADER + "0,0,1,1.0,1.0,NaN,NaN,NaN,NaN,1.0,1.0,1.0,\n");
  }

  /** Writes rows until the largest size of a file, and two that do not fit. */
  static final class SmallDisk {

    public static void main(String[] args) throws IOException {
      try (CsvTrainingListener csv = CsvTrainingListener.open(Path.of(args[0]))) {
        int failures = 0;
        for (long i = 0; failures < 2; i++) {
          try {
            csv.onStep(step(i));
          } catch (UncheckedIOException e) {
            failures++;
          }
        }
      }
    }
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void onStep_onAFullDisk_leavesWholeRowsToGoOnFrom() throws Exception {
    Files.createDirectories(file.getParent());
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Process process =
        new ProcessBuilder(
                "sh",
                "-c",
                "ulimit -f 1 && exec \"$@\"",
                "sh",
                java,
                "-XX:-UsePerfData",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                SmallDisk.class.getName(),
                file.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();

    List<String> rows = text().lines().skip(1).toList();
    assertThat(rows).hasSizeGreaterThan(1);
    for (int i = 0; i < rows.size(); i++) {
      assertThat(rows.get(i)).isEqualTo(row(i));
    }
    train(rows.size(), rows.size() + 1);
    List<String> more = text().lines().skip(1).toList();
    assertThat(more).startsWith(rows.toArray(String[]::new)).hasSize(rows.size() + 1);
  }

  @Test
  void open_twice_isRefusedUntilTheFirstIsClosed() throws IOException {
    try (CsvTrainingListener csv = CsvTrainingListener.open(file)) {
      csv.onStep(step(0));
      assertThatThrownBy(() -> CsvTrainingListener.open(file))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(file + ": must have one writer but this process, ");
      csv.onStep(step(1));
    }
    train(2, 3);
    assertThat(text()).startsWith(HEADER + row(0) + "\n" + row(1) + "\n" + "2,");
    assertThat(file.getParent()).isDirectoryNotContaining("glob:**.lock");
  }

  @Test
  void open_withALongFirstLine_showsItsBeginning() throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "a\0b".repeat(100_000));
    assertThatThrownBy(() -> CsvTrainingListener.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("but is 'a\\u0000b")
        .satisfies(
            e -> assertThat(e.getMessage().length() - file.toString().length()).isLessThan(300));
    Files.delete(file);
    CsvTrainingListener.open(file).close();
  }
}
