package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareTest {

  private static final int CELL = 48;

  @TempDir static Path shared;
  @TempDir Path directory;

  private static Path guidable;
  private static Path unconditional;

  @BeforeAll
  static void saveModels() throws IOException {
    UNetConfig.Builder config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).layersPerBlock(1).normGroups(4);
    unconditional = save(config.build(), "unconditional");
    guidable = save(config.classes(3).nullClass(true).build(), "guidable");
  }

  private static Path save(UNetConfig config, String name) throws IOException {
    Path model = shared.resolve(name);
    try (UNet unet = UNet.create(config, NoiseSchedule.linear(30), 1)) {
      PretrainedModel.of(unet).save(model);
    }
    return model;
  }

  @Test
  void samplers_haveARowEach() throws IOException {
    Path file = directory.resolve("new/samplers.png");
    Runs run = compare(unconditional, file, "--samplers=ddim,heun", "--steps=2,3", "--samples=2");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines().map(line -> line.replaceAll(" +", " ")))
        .containsExactly("ddim 2, 3 calls", "heun 3, 5 calls", "written " + file);
    BufferedImage picture = ImageIO.read(file.toFile());
    assertThat(picture.getHeight()).isEqualTo(height(2));
    assertThat(picture.getWidth()).isGreaterThan(2 * (2 * CELL + Pictures.LINE) + 4 * Pictures.GAP);
  }

  @Test
  void samplers_allOfThem_dependOnTheSeed() throws IOException {
    Path file = directory.resolve("all.png");
    byte[] first = all(file, 1);
    assertThat(ImageIO.read(file.toFile()).getHeight())
        .isEqualTo(height(NamedSampler.ofUsualModels().size()));
    assertThat(all(file, 1)).isEqualTo(first);
    assertThat(all(file, 2)).isNotEqualTo(first);
  }

  private static byte[] all(Path file, int seed) throws IOException {
    Runs run =
        compare(guidable, file, "--steps=5", "--samples=1", "--guidance=2", "--seed=" + seed);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return Files.readAllBytes(file);
  }

  @Test
  void guidances_haveARowEach() throws IOException {
    Path file = directory.resolve("guidance.png");
    Runs run = compare(guidable, file, "--guidances=0,1,2.5", "--steps=3");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("scale 0 ", "scale 1 ", "scale 2.5 ");
    assertThat(ImageIO.read(file.toFile()).getHeight()).isEqualTo(height(3));
  }

  @Test
  void guidances_ofAModelWithoutClasses_areRefused() {
    Runs run = compare(unconditional, directory.resolve("x.png"), "--guidances=0,1");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("--guidances is for class-conditional models");
  }

  @Test
  void steps_moreThanTheSchedule_areRefused() {
    Runs run = compare(unconditional, directory.resolve("x.png"), "--steps=5,31");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("--steps must be in [1, 30] but was 31");
  }

  @Test
  void table_putsCellsBelowTheirColumnsAndBesideTheirRows() {
    BufferedImage red = square(Color.RED);
    BufferedImage blue = square(Color.BLUE);
    PictureTable table =
        new PictureTable(
            List.of("a very long name of a column", "b"),
            List.of(
                new PictureTable.Row("row", "note", List.of(red, blue)),
                new PictureTable.Row("row", "", List.of(blue, red))));
    BufferedImage drawn = table.draw();
    int y = Pictures.CAPTION;
    int second = drawn.getWidth() - Pictures.GAP - CELL;
    assertThat(drawn.getHeight()).isEqualTo(height(2));
    assertThat(new Color(drawn.getRGB(second, y))).isEqualTo(Color.BLUE);
    assertThat(new Color(drawn.getRGB(second, y + CELL + PictureTable.ROW_GAP)))
        .isEqualTo(Color.RED);
    assertThat(new Color(drawn.getRGB(second - Pictures.GAP, y))).isEqualTo(Color.WHITE);
  }

  private static BufferedImage square(Color color) {
    BufferedImage square = new BufferedImage(CELL, CELL, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < CELL * CELL; i++) {
      square.setRGB(i % CELL, i / CELL, color.getRGB());
    }
    return square;
  }

  private static Runs compare(Path model, Path file, String... options) {
    Object[] arguments = new Object[options.length + 5];
    arguments[0] = "compare";
    arguments[1] = "--model";
    arguments[2] = model;
    arguments[3] = "--out";
    arguments[4] = file;
    System.arraycopy(options, 0, arguments, 5, options.length);
    return Runs.of(arguments);
  }

  private static int height(int rows) {
    return Pictures.CAPTION + rows * (CELL + PictureTable.ROW_GAP) + Pictures.GAP;
  }
}
