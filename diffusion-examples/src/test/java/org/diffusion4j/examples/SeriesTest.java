package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet1d;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SeriesTest {

  @TempDir Path directory;

  @Test
  void series_ofAFile_areTrainedOnDrawnAndSaved() throws IOException {
    StringBuilder csv = new StringBuilder("day,high,low\n");
    for (int day = 0; day < 20; day++) {
      csv.append(day).append(',').append(day % 4).append(',').append(-day % 3).append('\n');
    }
    Path file = Files.writeString(directory.resolve("days.csv"), csv);
    Runs run = run("--data", file, "--columns=high,low", "--length=8", "--channels=8,16");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("series   13 x [2, 8]", "data     share 0.", "samples  share 0.");
    assertThat(directory.resolve("out/series.png")).isNotEmptyFile();
    try (PretrainedModel model = PretrainedModel.load(directory.resolve("out/model"))) {
      assertThat(model.model().config()).isEqualTo(UNet1d.Config.of(2, 8, 8, 16));
    }
  }

  @Test
  void series_ofRecordedData_areFound() {
    for (String name : List.of("sunspots", "sea-temperature")) {
      Runs run = run("--data", name, "--length=8", "--channels=8");
      assertThat(run.exitCode()).as(run.err()).isZero();
      assertThat(run.out()).contains(name.equals("sunspots") ? "302 x [1, 8]" : "725 x [1, 8]");
    }
  }

  @Test
  void series_ofAnMlp_areTrainedToo() {
    Runs run = run("--network=mlp", "--length=8");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("series   4096 x [1, 8]");
  }

  @Test
  void series_thatDoNotFit_areRefusedInASentence() {
    Runs odd = run("--length=63");
    assertThat(odd.exitCode()).isEqualTo(2);
    assertThat(odd.err())
        .startsWith("error: length must be divisible by 8 for 4 levels but was 63; 56 or 64 would");
    Runs longer = run("--data=sunspots", "--length=320");
    assertThat(longer.exitCode()).isEqualTo(2);
    assertThat(longer.err()).startsWith("error: window length must be in [1, 309] but was 320");
    Runs missing = run("--data", directory.resolve("none.csv"));
    assertThat(missing.exitCode()).isEqualTo(1);
    assertThat(missing.err()).startsWith("error: ").contains("none.csv");
  }

  private Runs run(Object... arguments) {
    Object[] all = new Object[arguments.length + 6];
    all[0] = "series";
    all[1] = "--steps=2";
    all[2] = "--batch=4";
    all[3] = "--count=3";
    all[4] = "--out";
    all[5] = directory.resolve("out");
    System.arraycopy(arguments, 0, all, 6, arguments.length);
    return Runs.of(all);
  }

  @Test
  void spectrum_ofSinesWithNoise_isThatOfTheirFrequencies() throws IOException {
    SampleSource sines = Series.sines(64, 1);
    try (INDArray some = Series.some(sines, 500)) {
      Spectrum spectrum = Spectrum.of(some);
      assertThat(spectrum.share()).isCloseTo(0.985, within(0.001));
      for (int k = 2; k <= 6; k++) {
        assertThat(spectrum.strongest()[k]).isCloseTo(0.2, within(0.08));
      }
      assertThat(spectrum.distance(spectrum)).isZero();
      try (INDArray noise = Nd4j.randn(500, 1, 64)) {
        assertThat(Spectrum.of(noise).share()).isLessThan(0.2);
        assertThat(Spectrum.of(noise).distance(spectrum)).isGreaterThan(0.5);
      }
    }
  }

  @Test
  void snippets_run() throws Exception {
    try (InputStream sunspots = Series.class.getResourceAsStream("series/sunspots.csv")) {
      Files.copy(Objects.requireNonNull(sunspots), directory.resolve("sunspots.csv"));
    }
    Files.writeString(
        directory.resolve("beats.csv"),
        "a,b,c,d,e,f,g,h,kind\n1,2,3,4,5,6,7,8,up\n8,7,6,5,4,3,2,1,down\n");
    List<String> blocks =
        Snippets.of(Path.of("..", "docs", "results", "series.md")).stream()
            .map(block -> block.replace("1_500", "2").replace("DdimSampler(50)", "DdimSampler(2)"))
            .toList();
    assertThat(blocks).hasSize(2);
    try (Snippets program = Snippets.compile(blocks, "", directory)) {
      program.run(0);
      program.run(1);
    }
    assertThat(NpyFiles.read(directory.resolve("samples.npy")).shape()).containsExactly(4, 1, 64);
    assertThat(directory.resolve("sunspots-model/model_index.json")).exists();
  }
}
