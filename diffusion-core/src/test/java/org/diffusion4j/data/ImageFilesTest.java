package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ImageFilesTest {

  @TempDir private Path folder;

  @Test
  void writePng_gray_roundsHalfToEvenAndClamps() throws IOException {
    // (x / 2 + 0.5) * 255: 127.5 is rounded to 128, 0.5 to 0.
    double[] values = {-1, 1, 0, 1 / 255.0 - 1, -7, Double.POSITIVE_INFINITY};
    INDArray sample = Nd4j.create(values, new long[] {1, 2, 3}, 'c');
    Path file = folder.resolve("new/gray.png");

    ImageFiles.writePng(file, sample);

    BufferedImage image = ImageIO.read(file.toFile());
    assertThat(image.getRaster().getNumBands()).isEqualTo(1);
    assertThat(image.getRaster().getSamples(0, 0, 3, 2, 0, (int[]) null))
        .containsExactly(0, 255, 128, 0, 0, 255);
    assertThat(ImageFiles.image(sample).getRGB(2, 0)).isEqualTo(0xff808080);
  }

  @Test
  void read_image_isScaledToTheShape() throws IOException {
    Path file = folder.resolve("wide.png");
    ImageFiles.writePng(file, Nd4j.create(new float[] {1, -1, -1, 1}, new long[] {1, 1, 4}, 'c'));

    assertThat(ImageFiles.read(file, 3, 1, 1).ravel().toFloatVector()).containsExactly(-1, -1, -1);
    assertThat(ImageFiles.read(file, 1, 1, 4).ravel().toFloatVector())
        .containsExactly(1, -1, -1, 1);
    assertThatThrownBy(() -> ImageFiles.read(file, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shape must be {channels, height, width} with 1 or 3 channels but was [4]");
    assertThatThrownBy(() -> ImageFiles.read(folder.resolve("none.png"), 1, 1, 4))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("none.png");
  }

  @Test
  void writePng_view_keepsChannelsAndAxes() throws IOException {
    INDArray hwc = Nd4j.create(new float[] {-1, 0, 1, 1, -1, -1}, new long[] {1, 2, 3}, 'c');
    INDArray view = hwc.permute(2, 0, 1);

    ImageFiles.writePng(folder.resolve("rgb.png"), view);

    BufferedImage image = ImageIO.read(folder.resolve("rgb.png").toFile());
    assertThat(image.getWidth()).isEqualTo(2);
    assertThat(image.getRGB(0, 0)).isEqualTo(0xff0080ff);
    assertThat(image.getRGB(1, 0)).isEqualTo(0xffff0000);
  }

  @Test
  void writePng_everyByte_survivesReading() throws IOException {
    double[] values = new double[256];
    for (int i = 0; i < 256; i++) {
      values[i] = i / 127.5 - 1;
    }
    ImageFiles.writePng(
        folder.resolve("all.png"), Nd4j.create(values, new long[] {1, 16, 16}, 'c'));
    float[] read = new float[256];
    ImageFolder.open(folder, 16, 16, ImageFolder.Option.GRAYSCALE).read(0, read);

    for (int i = 0; i < 256; i++) {
      assertThat(read[i]).isEqualTo(i / 127.5f - 1);
    }
  }

  @Test
  void writeGrid_threeInTwoColumns_leavesMargins() throws IOException {
    INDArray samples = Nd4j.ones(DataType.FLOAT, 3, 1, 2, 1);
    samples.putScalar(new int[] {2, 0, 1, 0}, -1f);
    Path file = folder.resolve("grid.png");

    ImageFiles.writeGrid(file, samples, 2, 3);

    BufferedImage image = ImageIO.read(file.toFile());
    assertThat(image.getWidth()).isEqualTo(1 + 2 * (3 + 1));
    assertThat(image.getHeight()).isEqualTo(1 + 2 * (6 + 1));
    int[] pixels = image.getRaster().getSamples(0, 0, 9, 15, 0, (int[]) null);
    assertThat(pixels[0]).isEqualTo(64);
    assertThat(Arrays.copyOfRange(pixels, 9, 18))
        .containsExactly(64, 255, 255, 255, 64, 255, 255, 255, 64);
    assertThat(Arrays.copyOfRange(pixels, 13 * 9, 14 * 9))
        .containsExactly(64, 0, 0, 0, 64, 64, 64, 64, 64);
    assertThat(image.getRaster().getSample(1, 10, 0)).isEqualTo(255);
    assertThat(image.getRaster().getSample(1, 11, 0)).isZero();
  }

  @Test
  void grid_fewerThanColumns_isOnlyAsWide() {
    BufferedImage image = ImageFiles.grid(Nd4j.zeros(DataType.FLOAT, 2, 3, 4, 4), 10, 1);

    assertThat(image.getType()).isEqualTo(BufferedImage.TYPE_INT_RGB);
    assertThat(image.getWidth()).isEqualTo(11);
    assertThat(image.getHeight()).isEqualTo(6);
  }

  @Test
  void write_badSamples_areRefusedAndNothingWritten() throws IOException {
    Path file = folder.resolve("bad.png");
    INDArray nan = Nd4j.zeros(DataType.FLOAT, 2, 1, 2, 2);
    nan.putScalar(new int[] {1, 0, 1, 0}, Float.NaN);

    assertThatThrownBy(() -> ImageFiles.writeGrid(file, nan, 2, 1))
        .hasMessage("samples must be numbers but are NaN at [1, 0, 1, 0]");
    assertThatThrownBy(() -> ImageFiles.writePng(file, nan))
        .hasMessage("sample must have shape [channels, height, width] but had [2, 1, 2, 2]");
    assertThatThrownBy(() -> ImageFiles.writePng(file, Nd4j.zeros(2, 4, 4)))
        .hasMessage("samples must be at least one, of 1 or 3 channels but had [2, 4, 4]");
    assertThatThrownBy(() -> ImageFiles.grid(Nd4j.zeros(1, 1, 2, 2), 0, 1))
        .hasMessage("columns and scale must be at least 1 but were 0 and 1");
    assertThatThrownBy(() -> ImageFiles.grid(Nd4j.zeros(1, 1, 2, 2), 1, 1_000_000))
        .hasMessageContaining("at most 2^28 pixels");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }
}
