package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The examples that change pictures, with a tiny model of two classes. */
class SteeringTest {

  @TempDir static Path directory;

  private static Path model;
  private static Path plain;

  @BeforeAll
  static void save() throws IOException {
    model = directory.resolve("model");
    plain = directory.resolve("plain");
    UNetConfig.Builder config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).layersPerBlock(1).normGroups(4);
    save(config.build(), plain);
    save(config.classes(2).nullClass(true).build(), model);
  }

  private static void save(UNetConfig config, Path directory) throws IOException {
    try (UNet unet = UNet.create(config, NoiseSchedule.linear(30), 1)) {
      PretrainedModel.of(unet).save(directory);
    }
  }

  private static Path picture(String name, int grey) throws IOException {
    BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < 64; i++) {
      image.getRaster().setSample(i % 8, i / 8, 0, i < 32 ? grey : 255 - grey);
    }
    Path file = directory.resolve(name);
    ImageIO.write(image, "png", file.toFile());
    return file;
  }

  private static Runs run(String command, Path ofModel, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of(command, "--model", ofModel, "--steps=4"));
    arguments.addAll(List.of(more));
    return Runs.of(arguments.toArray());
  }

  @Test
  void inpaint_keepsWhatTheMaskKeeps() throws IOException {
    Path picture = picture("given.png", 40);
    Path out = directory.resolve("new/inpaint.png");
    Runs run = run("inpaint", plain, "--picture", picture, "--count=2", "--visits=1", "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    BufferedImage table = ImageIO.read(out.toFile());
    assertThat(table.getWidth()).isGreaterThan(4 * 48);
  }

  @Test
  void inpaint_hasARowForEachClass() throws IOException {
    Path one = directory.resolve("one.png");
    Path all = directory.resolve("all.png");
    Path mask = picture("mask.png", 255);
    assertThat(run("inpaint", model, "--mask", mask, "--label=1", "--out", one).exitCode())
        .isZero();
    assertThat(run("inpaint", model, "--out", all).exitCode()).isZero();
    assertThat(ImageIO.read(all.toFile()).getHeight())
        .isGreaterThan(ImageIO.read(one.toFile()).getHeight());
  }

  @Test
  void restyle_hasAColumnForEachClass() throws IOException {
    Path out = directory.resolve("restyle.png");
    Runs run = run("restyle", model, "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(ImageIO.read(out.toFile()).getWidth()).isGreaterThan(3 * 48);
  }

  @Test
  void interpolate_writesStripsAndTheirAnimation() throws IOException {
    Path out = directory.resolve("strips.png");
    Path gif = directory.resolve("strips.gif");
    Runs run = run("interpolate", model, "--count=4", "--out", out, "--gif", gif);
    assertThat(run.exitCode()).as(run.err()).isZero();
    BufferedImage strips = ImageIO.read(out.toFile());
    assertThat(strips.getWidth()).as("4 columns, 2 rows").isEqualTo(2 * strips.getHeight() + 4);
    assertThat(frames(gif)).as("there and back, without the ends twice").isEqualTo(6);
  }

  @Test
  void interpolate_betweenPictures_endsAtThem() throws IOException {
    Path from = picture("from.png", 10);
    Path to = picture("to.png", 200);
    Path out = directory.resolve("between.png");
    Path gif = directory.resolve("between.gif");
    Runs run =
        run(
            "interpolate",
            plain,
            "--picture",
            from,
            "--to-picture",
            to,
            "--count=3",
            "--out",
            out,
            "--gif",
            gif);
    assertThat(run.exitCode()).as(run.err()).isZero();
    BufferedImage strip = ImageIO.read(out.toFile());
    assertThat(strip.getRGB(20, 2) & 0xff).isBetween(5, 15);
    assertThat(strip.getRGB(strip.getWidth() - 20, 2) & 0xff).isBetween(195, 205);
  }

  private static int frames(Path gif) throws IOException {
    ImageReader reader = ImageIO.getImageReadersByFormatName("gif").next();
    try (ImageInputStream in = ImageIO.createImageInputStream(gif.toFile())) {
      reader.setInput(in);
      return reader.getNumImages(true);
    } finally {
      reader.dispose();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "inpaint, --label=2, '--label must be in [0, 1] but was 2'",
    "inpaint, --out=x.jpg, --out must end in .png: x.jpg",
    "inpaint, --steps=31, '--steps must be in [1, 30] but was 31'",
    "restyle, --strength=1.5, '--strength must be in (0, 1] but was 1.5'",
    "restyle, --guidance=NaN, '--guidance must be in [0, 1000] but was NaN'",
    "interpolate, --count=1, --count must be at least 2 but was 1",
    "interpolate, --picture=a.png, --picture and --to-picture must be given together",
  })
  void misuse_isNamed(String command, String argument, String message) {
    Runs run = Runs.of(command, "--model", model, argument);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
  }

  @Test
  void restyle_withoutClasses_isRefused() {
    assertThat(run("restyle", plain).err())
        .contains("--model must have classes and a null class but");
  }
}
