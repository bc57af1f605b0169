package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.training.TrainingListeners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingChartsTest {

  private static final int BACKGROUND = 0xffffff;

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void chooseFile() {
    file = folder.resolve("training.csv");
  }

  private void train(int steps, boolean validated) throws IOException {
    try (TrainingListeners.FileListener csv = TrainingListeners.csv(file)) {
      for (int i = 0; i < steps; i++) {
        double loss = 1.0 / (i + 1);
        csv.onStep(
            new TrainingListener.Step(
                i, 0, 4, loss, loss, List.of(loss, 2 * loss, 3 * loss, Double.NaN), 1, 1e-3, 9));
        if (validated && i % 10 == 9) {
          csv.onValidation(i + 1, loss + 0.01);
        }
      }
    }
  }

  /** Whether a chart has points of a colour. */
  private static boolean shows(BufferedImage sheet, int row, int column, int rgb) {
    for (int y = 0; y < TrainingCharts.HEIGHT; y++) {
      for (int x = 0; x < TrainingCharts.WIDTH; x++) {
        int at = sheet.getRGB(column * TrainingCharts.WIDTH + x, row * TrainingCharts.HEIGHT + y);
        if ((at & BACKGROUND) == rgb) {
          return true;
        }
      }
    }
    return false;
  }

  @Test
  void of_wholeTraining_drawsWhatThereIs() throws IOException {
    int validation = 200 << 16 | 80 << 8 | 30;
    int lastQuartile = 190 << 16 | 50 << 8 | 50;
    train(5000, true);
    BufferedImage sheet = TrainingCharts.of(TrainingLog.read(file));

    assertThat(sheet.getWidth()).isEqualTo(2 * TrainingCharts.WIDTH);
    assertThat(sheet.getHeight()).isEqualTo(2 * TrainingCharts.HEIGHT);
    int smooth = Charts.SMOOTH.getRGB() & BACKGROUND;
    for (int i = 0; i < 4; i++) {
      assertThat(shows(sheet, i / 2, i % 2, smooth)).isTrue();
    }
    assertThat(shows(sheet, 0, 0, validation)).isTrue();
    assertThat(shows(sheet, 0, 1, lastQuartile)).isFalse();
    Files.delete(file);
    train(5000, false);
    assertThat(shows(TrainingCharts.of(TrainingLog.read(file)), 0, 0, validation)).isFalse();
  }

  @Test
  void of_oneStep_isDrawn() throws IOException {
    train(1, false);
    BufferedImage sheet = TrainingCharts.of(TrainingLog.read(file));

    for (int i = 0; i < 4; i++) {
      assertThat(shows(sheet, i / 2, i % 2, Charts.SMOOTH.getRGB() & BACKGROUND)).isTrue();
    }
  }

  @Test
  void read_trainingThatGoesOn_hasAllRows() throws IOException {
    try (TrainingListeners.FileListener csv = TrainingListeners.csv(file)) {
      csv.onStep(new TrainingListener.Step(0, 0, 4, 2, 3, List.of(), 1, 1e-3, 9));
      TrainingLog log = TrainingLog.read(file);

      assertThat(log.column("loss")).containsExactly(2);
      assertThat(log.column("validation_loss")).containsExactly(Double.NaN);
      assertThatThrownBy(() -> log.column("colour")).hasMessage(file + ": has no column colour");
    }
  }

  @Test
  void read_somethingElse_namesTheFile() throws IOException {
    Files.writeString(file, "");
    assertThatThrownBy(() -> TrainingLog.read(file))
        .isInstanceOf(IOException.class)
        .hasMessage(file + ": must have at least 1 row but has none");
    Files.writeString(file, "step,loss\n1,2\n2\n");
    assertThatThrownBy(() -> TrainingLog.read(file))
        .hasMessage(file + ": row 1 must have 2 cells: 2");
    Files.writeString(file, "step,loss\n1,two\n");
    assertThatThrownBy(() -> TrainingLog.read(file)).hasMessage(file + ": 'two' is not a number");
  }
}
