package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class QualityTest {

  @TempDir Path directory;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final StringWriter err = new StringWriter();

  @Test
  void pixels_areRowsFromZeroToOne() {
    INDArray samples = Nd4j.createFromArray(-1f, 0f, 1f, 3f).reshape(2, 1, 1, 2);
    assertThat(Quality.pixels(samples)).isDeepEqualTo(new double[][] {{0, 0.5}, {1, 1}});
  }

  @Test
  void table_hasARowForTheFloorAndForEachSampler() throws Exception {
    saveModel();
    assertThat(run("--n=10", "--batch=4", "--steps=2,3", "--samplers=ddpm,dpm-solver,heun"))
        .as(err.toString())
        .isZero();
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(7);
    assertThat(lines.get(0)).endsWith(": 10 samples, reference ddpm-posterior in 9 steps");
    assertThat(lines.get(1))
        .isEqualTo("| sampler, steps | calls | SW2, 2 | SW2, 3 | PCA-FD, 2 | PCA-FD, 3 |");
    String cell = " \\d+\\.\\d{4} \\|";
    assertThat(lines.get(3)).matches("\\| floor: the reference again \\| 9 \\|" + cell.repeat(4));
    assertThat(lines.get(4)).matches("\\| ddpm \\| 2, 3 \\|" + cell.repeat(4));
    assertThat(lines.get(5)).matches("\\| dpm-solver \\| 2, 3 \\|" + cell.repeat(4));
    assertThat(lines.get(6)).matches("\\| heun \\| 3, 5 \\|" + cell.repeat(4));
    assertThat(lines.subList(3, 7)).noneMatch(line -> line.contains(" 0.0000 "));
  }

  @Test
  void picture_hasARowForEachSamplerAndTheReference() throws Exception {
    saveModel();
    Path picture = directory.resolve("samples.png");
    assertThat(
            run(
                "--n=4",
                "--steps=2",
                "--samplers=ddim,euler",
                "--reference-steps=3",
                "--unclipped",
                "--picture=" + picture))
        .as(err.toString())
        .isZero();
    assertThat(out.toString(StandardCharsets.UTF_8))
        .contains("reference ddpm-posterior in 3 steps");
    BufferedImage image = ImageIO.read(picture.toFile());
    // Cells of 16 pixels, and lines of 1 around and between them.
    assertThat(image.getWidth()).isEqualTo(4 * 16 + 5);
    assertThat(image.getHeight()).isEqualTo(4 * 16 + 5);
  }

  private void saveModel() throws IOException {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8)
            .blockOutChannels(8, 16)
            .layersPerBlock(1)
            .normGroups(4)
            .classes(3)
            .build();
    try (UNet model = UNet.create(config, NoiseSchedule.cosine(9), 1)) {
      PretrainedModel.of(model).save(directory);
    }
  }

  @Test
  void oneSample_isRefused() {
    assertThat(run("--n=1")).isEqualTo(1);
    assertThat(err.toString()).contains("n must be at least 2 but was 1");
  }

  private int run(String... options) {
    String[] arguments = new String[options.length + 2];
    arguments[0] = "--model";
    arguments[1] = directory.toString();
    System.arraycopy(options, 0, arguments, 2, options.length);
    return Programs.commandLine(new Quality(new PrintStream(out, true, StandardCharsets.UTF_8)))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }
}
