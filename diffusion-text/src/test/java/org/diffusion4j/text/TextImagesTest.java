package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import javax.imageio.ImageIO;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.data.ImageFolder.Option;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

class TextImagesTest {

  @TempDir private Path folder;

  @BeforeEach
  void writePictures() throws IOException {
    Files.createDirectory(folder.resolve("images"));
    picture("images/red.png", 0xffff0000);
    picture("images/clear.png", 0x00000000);
    picture("blue.png", 0xff0000ff);
    metadata(
        """
        {"file_name": "images/red.png", "text": "a red dot", "category": ["x"]}

        {"text": "nothing", "file_name": "images/clear.png"}
        {"file_name": "blue.png", "text": ""}
        """);
  }

  @Test
  void open_readsPicturesAndTextsInTheOrderOfTheFile() throws IOException {
    TextImages images = TextImages.open(folder, 1, 2);

    assertThat(images.texts()).containsExactly("a red dot", "nothing", "");
    assertThat(images.sampleShape()).containsExactly(3, 1, 2);
    assertThat(sample(images, 0)).containsExactly(1, 1, -1, -1, -1, -1);
    assertThat(sample(images, 1)).containsExactly(1, 1, 1, 1, 1, 1);
    assertThat(sample(images, 2)).containsExactly(-1, -1, -1, -1, 1, 1);
    assertThat(images.file(2)).isEqualTo(folder.resolve("blue.png"));
    assertThat(images.classes()).isZero();
    assertThat(sample(images.withGround(0, 255, 0), 1)).containsExactly(-1, -1, 1, 1, -1, -1);
    float luma = 2 * 0.299f - 1;
    assertThat(sample(TextImages.open(folder, 1, 1, Option.GRAYSCALE), 0))
        .containsExactly(new float[] {luma}, within(1e-6f));
  }

  @Test
  void select_putsAsideAndRepeats() throws IOException {
    TextImages images = TextImages.open(folder, 1, 1);

    TextImages selected = images.select(2, 0, 0).select(0, 2);

    assertThat(selected.texts()).containsExactly("", "a red dot");
    assertThat(sample(selected, 1)).containsExactly(1, -1, -1);
    assertThat(selected.description()).isNotEqualTo(images.select(0, 2).description());
    assertThat(selected.description()).isEqualTo(images.select(2, 0).description());
    assertThatThrownBy(() -> images.select(3)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatIllegalArgumentException().isThrownBy(images::select);
  }

  @Test
  void tokenized_givesDifferencesFromTheEmptyPrompt() throws IOException {
    ClipTokenizer tokenizer = ClipTokenizer.read(ClipTokenizerTest.TINY);
    SampleSource data = TextImages.open(folder, 1, 1).tokenized(tokenizer);

    assertThat(data.embeddingShape()).containsExactly(77, 1);
    float[] tokens = new float[77];
    data.readEmbeddings(2, tokens);
    assertThat(tokens).containsOnly(0);
    data.readEmbeddings(0, tokens);
    int[] empty = tokenizer.encode("").ids();
    int[] ids = tokenizer.encode("a red dot").ids();
    for (int i = 0; i < ids.length; i++) {
      assertThat((int) tokens[i] + empty[i]).isEqualTo(ids[i]);
    }
  }

  @Test
  void embedded_givesBatchesOfPicturesAndEmbeddings() throws IOException {
    SampleSource data =
        TextImages.open(folder, 1, 1)
            .embedded(1, 2, text -> new float[] {text.length(), text.isEmpty() ? 1 : 0});

    DataSet batch = SampleIterator.of(data, 3).build().next();
    try (INDArray features = batch.getFeatures();
        INDArray labels = batch.getLabels()) {
      assertThat(features.shape()).containsExactly(3, 3, 1, 1);
      assertThat(labels.shape()).containsExactly(3, 1, 2);
      assertThat(labels.data().asFloat()).containsExactly(9, 0, 7, 0, 0, 1);
    }
    SampleSource wrong = TextImages.open(folder, 1, 1).embedded(2, 2, text -> new float[3]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> wrong.readEmbeddings(0, new float[4]))
        .withMessage("embedding must have 2 x 2 values but has 3, for \"a red dot\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"file_name\": \"blue.png\" | must be a JSON object but is not",
        "[1]                          | must be a JSON object but is not",
        "{\"file_name\": \"blue.png\"} | text must be a string but was null",
        "{\"text\": \"x\"}             | file_name must be a string but was null",
        "{\"file_name\": 3, \"text\": \"x\"} | file_name must be a string but was 3",
        "{\"file_name\": \"no.png\", \"text\": \"x\"} |"
            + " file_name must be that of a file but was no.png",
        "{\"file_name\": \"images\", \"text\": \"x\"} |"
            + " file_name must be that of a file but was images",
        "{\"file_name\": \"../a.png\", \"text\": \"x\"} |"
            + " file_name must be within the folder but was ../a.png",
        "{\"file_name\": \"/etc/passwd\", \"text\": \"x\"} |"
            + " file_name must be within the folder but was /etc/passwd",
        "{\"file_name\": \"\\u0000\", \"text\": \"x\"} | file_name must be a path but was \\u0000",
      })
  void open_damagedLine_isNamed(String line, String problem) throws IOException {
    metadata("{\"file_name\": \"blue.png\", \"text\": \"a\"}\n\n" + line + "\n");

    assertThatThrownBy(() -> TextImages.open(folder, 1, 1))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(folder.resolve("metadata.jsonl") + ": line 3")
        .hasMessageEndingWith(problem);
  }

  @Test
  void open_withoutRows_saysSo() throws IOException {
    metadata("\n");
    assertThatThrownBy(() -> TextImages.open(folder, 1, 1))
        .hasMessageEndingWith("metadata.jsonl: must have at least 1 line but has none");
    Files.write(folder.resolve("metadata.jsonl"), new byte[] {'{', (byte) 0xff});
    assertThatThrownBy(() -> TextImages.open(folder, 1, 1)).hasMessageContaining("must be UTF-8");
    Files.delete(folder.resolve("metadata.jsonl"));
    assertThatThrownBy(() -> TextImages.open(folder, 1, 1)).hasMessageContaining("is not there");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> {
              metadata("{\"file_name\": \"blue.png\", \"text\": \"a\"}");
              TextImages.open(folder, 1, 1, Option.SKIP_BROKEN);
            });
  }

  private void metadata(String lines) throws IOException {
    Files.writeString(folder.resolve("metadata.jsonl"), lines, StandardCharsets.UTF_8);
  }

  private void picture(String name, int argb) throws IOException {
    BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
    image.setRGB(0, 0, argb);
    image.setRGB(1, 0, argb);
    ImageIO.write(image, "png", folder.resolve(name).toFile());
  }

  private static float[] sample(SampleSource source, int index) throws IOException {
    float[] values =
        new float[(int) LongStream.of(source.sampleShape()).reduce(1, (a, b) -> a * b)];
    source.read(index, values);
    return values;
  }
}
