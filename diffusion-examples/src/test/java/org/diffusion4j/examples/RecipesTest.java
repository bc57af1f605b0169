package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The recipes, and the code of the page on production, compile and run as they stand there, with
 * fewer steps and smaller networks.
 */
class RecipesTest {

  private static final Path PAGE = Path.of("..", "docs", "recipes.md");

  private static final Path TOKENIZER =
      Path.of("..", "diffusion-text/src/test/resources/reference/tokenizer/clip_tiny");

  @TempDir Path directory;

  @Test
  void recipes_run() throws Exception {
    List<String> recipes =
        Stream.of(PAGE, Path.of("..", "docs", "production.md"))
            .flatMap(RecipesTest::blocks)
            .map(RecipesTest::quick)
            .toList();
    assertThat(recipes).hasSizeGreaterThan(5);
    for (String recipe : recipes) {
      assertThat(recipe.lines().count()).as(recipe).isLessThan(30);
    }
    writeData();
    try (Snippets program = Snippets.compile(recipes, "", directory)) {
      for (int i = 0; i < recipes.size(); i++) {
        program.run(i);
      }
    }

    assertThat(directory.resolve("clothes-model/unet/config.json")).exists();
    assertThat(ImageIO.read(directory.resolve("bags.png").toFile()).getWidth())
        .isGreaterThan(4 * 2 * 32);
    assertThat(directory.resolve("variations.png")).exists();
    assertThat(ImageIO.read(directory.resolve("enlarged.png").toFile()).getWidth())
        .isGreaterThan(4 * 2 * 32);
    assertThat(directory.resolve("tuned/provenance.json")).content().contains("tuned on");
    assertThat(directory.resolve("own/graph/config.json")).exists();
    assertThat(directory.resolve("drawing-model/text_encoder/config.json")).exists();
    assertThat(directory.resolve("apple.png")).exists();
    assertThat(Files.readAllLines(directory.resolve("series.csv")))
        .hasSize(65)
        .startsWith("sunspots");
    List<String> rows = Files.readAllLines(directory.resolve("synthetic.csv"));
    assertThat(rows).hasSize(33).startsWith("age,income,score");
    assertThat(rows.subList(1, 33)).allMatch(row -> row.matches("[2-6]\\d,\\d{5},0(\\.\\d\\d?)?"));
  }

  private static Stream<String> blocks(Path page) {
    try {
      return Snippets.of(page).stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A recipe with a few steps instead of thousands. */
  private static String quick(String recipe) {
    return recipe
        .replaceAll("of\\(1_000\\)", "of(32)")
        .replaceAll("\\b\\d+_000\\b", "2")
        .replace("Config.of(1, 64, 32, 64, 64, 64)", "Config.of(1, 64, 8, 16)")
        .replace("32, 64, 64", "8, 16")
        .replace("Config.of(3, 32, 32, 128, 64, 64)", "Config.of(3, 8, 8, 16, 8, 8)")
        .replace("tokens, 128, 1, 4)", "tokens, 16, 1, 2)")
        .replace("\"drawings\"), 32, 32", "\"drawings\"), 8, 8")
        .replace("steps(20)", "steps(2)")
        .replace("normGroups(8)", "normGroups(4)");
  }

  private void writeData() throws IOException {
    Random random = new Random(1);
    for (String file : List.of("clothes/bag/1.png", "clothes/bag/2.png", "clothes/shirt/1.png")) {
      writePicture(file, random);
      writePicture("pictures/" + file.replace('/', '-'), random);
    }
    writePicture("sketch.png", random);
    writePicture("drawings/1.png", random);
    Files.writeString(
        directory.resolve("drawings/metadata.jsonl"),
        "{\"file_name\": \"1.png\", \"text\": \"a red apple\"}\n");
    Files.createDirectory(directory.resolve("tokenizer"));
    for (String file : List.of("vocab.json", "merges.txt", "tokenizer_config.json")) {
      Files.copy(TOKENIZER.resolve(file), directory.resolve("tokenizer").resolve(file));
    }
    StringBuilder people = new StringBuilder("age,income,score,city\n");
    for (int i = 0; i < 50; i++) {
      people.append(
          "%d,%d,%s,%s\n"
              .formatted(
                  20 + random.nextInt(50),
                  10_000 + random.nextInt(90_000),
                  random.nextInt(100) / 100.0,
                  i % 2 == 0 ? "Rome" : "Oslo"));
    }
    Files.writeString(directory.resolve("people.csv"), people);
    StringBuilder sunspots = new StringBuilder("year,sunspots\n");
    for (int year = 1700; year < 1800; year++) {
      sunspots.append(year).append(',').append(random.nextInt(150)).append('\n');
    }
    Files.writeString(directory.resolve("sunspots.csv"), sunspots);
    UNetConfig config = UNetConfig.builder(3, 16, 16).blockOutChannels(8, 16).normGroups(4).build();
    try (UNet model = UNet.create(config, NoiseSchedule.linear(1000), 1)) {
      PretrainedModel.of(model).save(directory.resolve("model"));
    }
  }

  private void writePicture(String file, Random random) throws IOException {
    float[] values = new float[3 * 40 * 50];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    try (INDArray picture = Nd4j.create(values, new long[] {3, 40, 50}, 'c')) {
      ImageFiles.writePng(directory.resolve(file), picture);
    }
  }
}
