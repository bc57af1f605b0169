package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example that enlarges pictures, with a tiny model that it trains. */
class EnlargeTest {

  @TempDir static Path directory;

  private static Path images;
  private static Runs training;

  @BeforeAll
  static void train() throws IOException {
    images = Files.createDirectories(directory.resolve("images"));
    for (int i = 0; i < 4; i++) {
      write(images.resolve(i + ".png"), 8, 60 * i);
    }
    training =
        Runs.of(
            "enlarge",
            "--train",
            "--data=" + images,
            "--size=8",
            "--steps=2",
            "--batch=2",
            "--channels=8",
            "--sampling-steps=2",
            "--count=2",
            "--half",
            "--out=" + directory.resolve("trained"));
  }

  private static void write(Path file, int size, int shade) throws IOException {
    BufferedImage image = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < size * size; i++) {
      image.setRGB(i % size, i / size, shade + 3 * i);
    }
    ImageIO.write(image, "png", file.toFile());
  }

  private static Runs enlarge(Object... more) {
    Object[] arguments = new Object[more.length + 4];
    arguments[0] = "enlarge";
    arguments[1] = "--sampling-steps=2";
    arguments[2] = "--count=1";
    arguments[3] = "--out=" + directory.resolve("enlarged");
    System.arraycopy(more, 0, arguments, 4, more.length);
    return Runs.of(arguments);
  }

  @Test
  void train_savesAModelThatTakesPictures_andDrawsThem() throws IOException {
    assertThat(training.exitCode()).as(training.err()).isZero();
    Path model = directory.resolve("trained/model");
    try (PretrainedModel trained = PretrainedModel.load(model)) {
      assertThat(trained.model().takes().pictureChannels()).isEqualTo(3);
      assertThat(trained.model().sampleShape()).containsExactly(3, 8, 8);
    }
    assertThat(Files.size(model.resolve("unet/diffusion_pytorch_model.safetensors")))
        .isLessThan(200_000);
    BufferedImage table = ImageIO.read(directory.resolve("trained/enlarged.png").toFile());
    assertThat(table.getHeight()).as("four rows").isGreaterThan(4 * 48);
  }

  @Test
  void picture_isEnlarged() throws IOException {
    Path picture = directory.resolve("small.png");
    write(picture, 4, 90);
    Runs run =
        enlarge(
            "--model=" + directory.resolve("trained/model"), "--picture=" + picture, "--noise=5");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("enlarged.png, 1 pictures");
  }

  @Test
  void emoji_areEnlargedByABundledModel() throws IOException {
    Path picture = directory.resolve("emoji.png");
    write(picture, 8, 40);
    Runs run = enlarge("--model=emoji-enlarge", "--picture=" + picture);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("enlarged.png, 1 pictures");
    refused("--data must be of the model's size, [3, 64, 64]", "--model=emoji-enlarge");
  }

  @Test
  void wrongArguments_areRefused() throws IOException {
    String model = "--model=" + directory.resolve("trained/model");
    refused("--train must come with --data", "--train");
    refused("--factor must be at least 2 but was 1", model, "--factor=1");
    refused(
        "--factor must divide the model's height and width, 8 x 8, but was 3", model, "--factor=3");
    refused("--noise must be in [0, 199] but was 200", model, "--noise=200");
    UNetConfig config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8).normGroups(4).layersPerBlock(1).build();
    Path plain = directory.resolve("plain");
    try (UNet unet = UNet.create(config, NoiseSchedule.linear(30), 1)) {
      PretrainedModel.of(unet).save(plain);
    }
    refused("--model must enlarge pictures but " + plain + " does not", "--model=" + plain);
    refused(
        "--data must be of the model's size, [3, 8, 8], but are [3, 32, 32]",
        model,
        "--data=" + images);
  }

  private static void refused(String message, Object... arguments) {
    Runs run = enlarge(arguments);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
  }
}
