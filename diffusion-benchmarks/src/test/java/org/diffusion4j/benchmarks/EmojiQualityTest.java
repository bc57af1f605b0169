package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.text.ClipTextEncoder;
import org.diffusion4j.text.ClipTextModel;
import org.diffusion4j.text.ClipTokenizer;
import org.diffusion4j.text.ClipVocabulary;
import org.diffusion4j.text.TextToImage;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

class EmojiQualityTest {

  @TempDir Path directory;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  @Test
  void measures_countPicturesOfMissingTonesAndOfTexts() throws IOException {
    savePictures();
    saveModel();
    int code =
        Programs.commandLine(new EmojiQuality(new PrintStream(out, true, StandardCharsets.UTF_8)))
            .execute(
                "--model=" + directory.resolve("model"),
                "--data=" + directory,
                "--per-tone=2",
                "--texts=3",
                "--steps=1",
                "--npy=" + directory.resolve("npy"));
    assertThat(code).isZero();
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.get(1)).matches("tone accuracy [01]\\.\\d{3} \\([0-2] of 2\\)");
    assertThat(lines.get(2)).matches("retrieval [01]\\.\\d{3} \\([0-3] of 3\\)");
    try (INDArray samples = NpyFiles.read(directory.resolve("npy/samples.npy"));
        INDArray real = NpyFiles.read(directory.resolve("npy/real.npy"))) {
      assertThat(samples.shape()).containsExactly(5, 3, 32, 32);
      assertThat(real.shape()).containsExactly(9, 3, 32, 32);
    }
  }

  /** A leg in five tones, and an arm in four. */
  private void savePictures() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 9; i++) {
      BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
      for (int pixel = 0; pixel < 32 * 32; pixel++) {
        image.setRGB(pixel % 32, pixel / 32, 0x200F08 * (i % 5) + pixel % (i < 5 ? 7 : 5));
      }
      ImageIO.write(image, "png", directory.resolve(i + ".png").toFile());
      lines.append(
          String.format(
              "{\"file_name\": \"%d.png\", \"text\": \"%s\"}%n",
              i, new TonedText(i < 5 ? "leg" : "arm", i % 5).text()));
    }
    Files.writeString(directory.resolve("metadata.jsonl"), lines);
  }

  private void saveModel() throws IOException {
    ClipVocabulary.learn(List.of("leg", "arm"), 1, 16).save(directory.resolve("tokenizer"));
    ClipTokenizer tokenizer = ClipTokenizer.read(directory.resolve("tokenizer"));
    ClipTextModel text =
        ClipTextModel.create(ClipTextModel.Config.of(tokenizer.vocabularySize(), 16, 8, 1, 2), 1);
    UNet2DConditionModel unet =
        UNet2DConditionModel.create(
            UNet2DConditionModel.Config.of(3, 32, 32, 8, 4, 8)
                .withHeads(2)
                .withLayersPerBlock(1)
                .withCrossAttention(1, 2)
                .withTokens(16),
            NoiseSchedule.linear(50),
            Prediction.VELOCITY,
            1);
    try (TextToImage model =
        TextToImage.builder(unet, ClipTextEncoder.of(tokenizer, text)).build()) {
      model.save(directory.resolve("model"));
    }
  }
}
