package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextTest {

  @TempDir static Path directory;

  private static Path model;

  @BeforeAll
  static void train() throws IOException {
    Path data = Files.createDirectories(directory.resolve("data"));
    picture(data.resolve("red.png"), Color.RED);
    picture(data.resolve("blue.png"), Color.BLUE);
    Files.writeString(
        data.resolve("metadata.jsonl"),
        "{\"file_name\": \"red.png\", \"text\": \"a red square\"}\n"
            + "{\"file_name\": \"blue.png\", \"text\": \"a blue square\"}\n");
    Path out = directory.resolve("trained");
    Runs run = Runs.of("train-text", "--data", data, "--steps=1", "--batch=2", "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    model = out.resolve("model");
  }

  private static void picture(Path file, Color colour) throws IOException {
    BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
    var graphics = image.createGraphics();
    graphics.setColor(colour);
    graphics.fillRect(0, 0, 32, 32);
    graphics.dispose();
    ImageIO.write(image, "png", file.toFile());
  }

  @Test
  void nameOfTheBundledModel_isNotADirectory() throws IOException {
    Path beside = Files.createDirectory(Path.of(Emoji.NAME));
    try {
      Path file = directory.resolve("heart.png");
      Runs run =
          Runs.of("text", "--model=emoji", "--prompt=a red heart", "--steps=1", "--out", file);
      assertThat(run.exitCode()).as(run.err()).isZero();
      assertThat(Runs.of("text", "--model=./emoji", "--prompt=a red heart").err())
          .contains("emoji");
    } finally {
      Files.delete(beside);
    }
  }

  @Test
  void prompt_becomesAGridOfPictures_orOneInItsOwnSize() throws IOException {
    Path file = directory.resolve("new/folder/square.png");
    Runs run =
        Runs.of(
            "text",
            "--model",
            model,
            "--prompt",
            "a red square",
            "--count=4",
            "--steps=2",
            "--negative",
            "blue",
            "--out",
            file);
    assertThat(run.exitCode()).as(run.err()).isZero();
    BufferedImage grid = ImageIO.read(file.toFile());
    assertThat(grid.getWidth()).isEqualTo(grid.getHeight()).isGreaterThan(2 * 32);
    Path one = directory.resolve("one.png");
    assertThat(
            Runs.of(
                    "text",
                    "--model=" + model,
                    "--prompt=a red square",
                    "--count=1",
                    "--steps=1",
                    "--out=" + one)
                .exitCode())
        .isZero();
    assertThat(ImageIO.read(one.toFile()).getWidth()).isEqualTo(32);
  }

  @Test
  void prompts_becomeAFileEach() throws IOException {
    Path prompts = directory.resolve("prompts.txt");
    Files.writeString(prompts, "a red square\n\n../blue\n");
    Path folder = directory.resolve("pictures");
    Runs run =
        Runs.of(
            "text",
            "--model",
            model,
            "--prompts",
            prompts,
            "--steps=1",
            "--guidance=1",
            "--out-dir",
            folder);
    assertThat(run.exitCode()).as(run.err()).isZero();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()).sorted())
          .isEqualTo(List.of("0001-a-red-square.png", "0002-blue.png"));
    }
  }

  @Test
  void training_startsFromAModel() throws IOException {
    Path out = directory.resolve("again");
    Runs run =
        Runs.of(
            "train-text",
            "--data",
            directory.resolve("data"),
            "--from",
            model,
            "--variant",
            "red|blue",
            "--steps=1",
            "--batch=2",
            "--half",
            "--out",
            out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    String weights = "unet/diffusion_pytorch_model.safetensors";
    assertThat(Files.size(out.resolve("model").resolve(weights)))
        .isLessThan(Files.size(model.resolve(weights)) * 6 / 10);
    assertThat(out.resolve("model/unet/config.json")).exists();
    assertThat(out.resolve("tokenizer")).doesNotExist();
  }

  @Test
  void lora_isTrainedAndChangesThePicture() throws IOException {
    Path out = directory.resolve("lora");
    Path data = directory.resolve("data");
    Runs run =
        Runs.of(
            "train-text",
            "--data",
            data,
            "--from",
            model,
            "--lora=2",
            "--steps=2",
            "--batch=2",
            "--out",
            out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(out.resolve("model")).doesNotExist();
    Path plain = drawn("plain.png");
    Path changed = drawn("changed.png", "--lora", out.resolve("lora.safetensors"));
    Path unchanged = drawn("off.png", "--lora", out.resolve("lora.safetensors"), "--lora-scale", 0);
    assertThat(changed).isRegularFile();
    assertThat(Files.mismatch(plain, changed)).isNotEqualTo(-1);
    assertThat(unchanged).hasSameBinaryContentAs(plain);
  }

  private static Path drawn(String name, Object... more) {
    Path file = directory.resolve(name);
    List<Object> arguments =
        new ArrayList<>(
            List.of("text", "--model", model, "--prompt=a blue square", "--steps=2", "--out"));
    arguments.add(file);
    arguments.addAll(List.of(more));
    Runs run = Runs.of(arguments.toArray());
    assertThat(run.exitCode()).as(run.err()).isZero();
    return file;
  }

  @Test
  void loraWithoutAModel_isRefused() {
    Runs run = Runs.of("train-text", "--data", directory.resolve("data"), "--lora=2");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("--lora must be given with --from");
  }

  @Test
  void missingModel_isNamed() {
    Path nowhere = directory.resolve("nowhere");
    Runs run = Runs.of("text", "--model", nowhere, "--prompt", "x");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains(nowhere.toString());
  }
}
