package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Windows of time series and rows that are series. */
class SeriesSourcesTest {

  @TempDir Path directory;

  private static SampleSource times(int size, int channels) {
    float[][] values = new float[size][channels];
    for (int t = 0; t < size; t++) {
      for (int c = 0; c < channels; c++) {
        values[t][c] = (t + 100 * c) / 1000f;
      }
    }
    return SampleSource.of(Nd4j.createFromArray(values));
  }

  @Property(tries = 50, seed = "1")
  void windows_haveTheValuesOfTheirTimes(
      @ForAll @IntRange(min = 1, max = 20) int size,
      @ForAll @IntRange(min = 1, max = 3) int channels,
      @ForAll @IntRange(min = 1, max = 20) int length,
      @ForAll @IntRange(min = 1, max = 7) int stride)
      throws IOException {
    if (length > size) {
      return;
    }
    SampleSource windows = times(size, channels).windows(length, stride);
    assertThat(windows.size()).isEqualTo((size - length) / stride + 1);
    assertThat(windows.sampleShape()).containsExactly(channels, length);
    float[] window = new float[channels * length];
    for (int i = 0; i < windows.size(); i++) {
      windows.read(i, window);
      for (int c = 0; c < channels; c++) {
        for (int t = 0; t < length; t++) {
          assertThat(window[c * length + t]).isEqualTo((i * stride + t + 100 * c) / 1000f);
        }
      }
    }
  }

  @Test
  void windows_ofLabelledTimes_areOfOneClassEach() {
    INDArray values = Nd4j.createFromArray(new float[][] {{0}, {0}, {0}, {0}, {0}});
    SampleSource windows = SampleSource.of(values, new int[] {0, 0, 0, 1, 1}, 2).windows(2, 1);
    assertThat(windows.size()).isEqualTo(3);
    assertThat(new int[] {windows.label(0), windows.label(1), windows.label(2)})
        .containsExactly(0, 0, 1);
    assertThat(windows.classNames()).containsExactly("0", "1");
    refused(
        () -> SampleSource.of(values, new int[] {0, 1, 0, 1, 0}, 2).windows(2, 1),
        "windows of length 2 must be of one class each but none is");
  }

  @Test
  void windows_thatDoNotFit_areRefused() {
    refused(() -> times(5, 1).windows(6, 1), "window length must be in [1, 5] but was 6");
    refused(() -> times(5, 1).windows(0, 1), "window length must be in [1, 5] but was 0");
    refused(() -> times(5, 1).windows(2, 0), "stride must be at least 1 but was 0");
    refused(
        () -> times(5, 1).windows(2, 1).windows(2, 1),
        "samples of a time series must be vectors but had shape [1, 2]");
  }

  @Test
  void descriptions_tellSourcesApart() {
    SampleSource times = times(8, 2);
    assertThat(times.windows(4, 1).description())
        .isEqualTo(times.windows(4, 1).description())
        .isNotEqualTo(times.windows(4, 2).description())
        .isNotEqualTo(times.windows(3, 1).description());
    assertThat(times.reshaped(1, 2).description()).isNotEqualTo(times.reshaped(2, 1).description());
  }

  @Test
  void reshaped_hasTheSameValuesAndLabels() throws IOException {
    INDArray values = Nd4j.createFromArray(new float[][] {{0.1f, 0.2f, 0.3f, 0.4f}});
    SampleSource source = SampleSource.of(values, new int[] {1}, 2).reshaped(2, 2);
    assertThat(source.sampleShape()).containsExactly(2, 2);
    float[] read = new float[4];
    source.read(0, read);
    assertThat(read).containsExactly(0.1f, 0.2f, 0.3f, 0.4f);
    assertThat(source.label(0)).isEqualTo(1);
    refused(() -> source.reshaped(3), "sample shape must have the 4 values of [2, 2] but was [3]");
  }

  @Test
  void commonScale_keepsTheShapeOfRows() throws IOException {
    Path file = directory.resolve("rows.csv");
    Files.writeString(file, "0,1,4\n2,1,0\n");
    DelimitedVectors rows = DelimitedVectors.of(file).commonScale().read();
    float[] read = new float[3];
    rows.reshaped(1, 3).read(0, read);
    assertThat(read).containsExactly(-1, -0.5f, 1);
    assertThat(rows.scaling().low(1)).isZero();
    assertThat(rows.scaling().high(1)).isEqualTo(4);
  }

  @Test
  void invert_ofWindows_scalesEachChannel() {
    Scaling scaling = Scaling.of(new double[] {0, 10}, new double[] {2, 20});
    INDArray windows = Nd4j.createFromArray(new float[][][] {{{-1, 0, 1}, {-1, 0, 1}}});
    try (INDArray original = scaling.invert(windows)) {
      assertThat(original.shape()).containsExactly(1, 2, 3);
      assertThat(original.ravel().toDoubleVector()).containsExactly(0, 1, 2, 10, 15, 20);
    }
  }

  private static void refused(Runnable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call::run).withMessage(message);
  }
}
