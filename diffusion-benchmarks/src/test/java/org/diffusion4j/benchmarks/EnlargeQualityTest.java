package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

class EnlargeQualityTest {

  @TempDir Path directory;

  @Test
  void measures_comparePicturesWithTheRealOnes() throws IOException {
    byte[] pixels = new byte[5 * 64];
    new Random(1).nextBytes(pixels);
    ByteBuffer idx = ByteBuffer.allocate(16 + pixels.length);
    idx.putInt(0x803).putInt(5).putInt(8).putInt(8).put(pixels);
    Path data = Files.write(directory.resolve("images"), idx.array());
    Path picture = directory.resolve("rows.png");
    List<String> lines =
        measured(
            1,
            "--data=" + data,
            "--n=3",
            "--picture=" + picture,
            "--npy=" + directory.resolve("npy"));
    assertThat(lines.subList(1, 4))
        .zipSatisfy(
            List.of("bicubic", "single samples", "mean of 2 samples"),
            (line, what) ->
                assertThat(line).matches("mean squared error of " + what + " 0\\.\\d{5}"));
    assertThat(error(lines.get(3))).isLessThan(error(lines.get(2)));
    assertThat(ImageIO.read(picture.toFile()).getHeight()).isEqualTo(5 * 17 + 1);
    try (INDArray single = NpyFiles.read(directory.resolve("npy/single.npy"));
        INDArray real = NpyFiles.read(directory.resolve("npy/real.npy"))) {
      assertThat(single.shape()).containsExactly(3, 1, 8, 8);
      assertThat(real.shape()).containsExactly(2, 1, 8, 8);
    }
  }

  @Test
  void folderOfColourPictures_isScaledToTheSize() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("folder"));
    for (int i = 0; i < 2; i++) {
      BufferedImage colours = new BufferedImage(11, 9, BufferedImage.TYPE_INT_RGB);
      colours.setRGB(0, 0, 11, 9, new Random(i).ints(99).toArray(), 0, 11);
      ImageIO.write(colours, "png", folder.resolve(i + ".png").toFile());
    }
    assertThat(measured(3, "--data=" + folder, "--size=8", "--n=2")).hasSize(4);
  }

  /** What is printed of a model of a number of channels that has learned nothing. */
  private List<String> measured(int channels, String... arguments) throws IOException {
    UNetConfig config =
        UNetConfig.builder(channels, 8, 8)
            .pictureChannels(channels)
            .blockOutChannels(4)
            .normGroups(2)
            .layersPerBlock(1)
            .midAttention(false)
            .build();
    try (UNet model = UNet.create(config, NoiseSchedule.cosine(20), Prediction.VELOCITY, 1)) {
      PretrainedModel.of(model).save(directory.resolve("model"));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--model=" + directory.resolve("model"), "--samples=2", "--steps=2"));
    int code =
        Programs.commandLine(new EnlargeQuality(new PrintStream(out, true, StandardCharsets.UTF_8)))
            .execute(all.toArray(String[]::new));
    assertThat(code).isZero();
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private static double error(String line) {
    return Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1));
  }
}
