package org.diffusion4j.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.zip.CRC32;
import org.diffusion4j.data.ImageFolder;
import org.diffusion4j.data.SampleSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pictures with a text each: a folder with a file {@code metadata.jsonl}, as Hugging Face's data
 * sets have it. Each of its lines is a JSON object with a path within the folder, {@code
 * file_name}, and a {@code text}; other fields are ignored. Pictures are scaled and cropped like
 * those of an {@link ImageFolder}, and decoded each time they are read.
 *
 * <p>As a {@link SampleSource} it has pictures without labels; {@link #tokenized} and {@link
 * #embedded} add what a model is to be conditioned by. Immutable and thread-safe.
 *
 * <pre>{@code
 * SampleSource data = TextImages.open(Path.of("emoji"), 64, 64).tokenized(tokenizer);
 * }</pre>
 */
public final class TextImages implements SampleSource {

  private static final Logger LOG = LoggerFactory.getLogger(TextImages.class);

  private final ImageFolder images;
  private final List<String> texts;
  private final int[] rows;

  /**
   * @param texts one for each image
   * @param rows indices of the images and texts that are samples
   */
  private TextImages(ImageFolder images, List<String> texts, int[] rows) {
    this.images = images;
    this.texts = texts;
    this.rows = rows;
  }

  /**
   * Reads the texts and finds the pictures.
   *
   * @param folder a folder with a file {@code metadata.jsonl}
   * @param height of the samples, at least 1 pixel
   * @param width of the samples, at least 1 pixel
   * @param options {@link ImageFolder.Option#GRAYSCALE}, or none
   * @throws IOException naming the file, and the line where there is one, if it does not exist, a
   *     line is no JSON object with {@code file_name} and {@code text}, or a picture does not exist
   *     or is outside of the folder
   */
  public static TextImages open(Path folder, int height, int width, ImageFolder.Option... options)
      throws IOException {
    List<TextImagesFile.Row> rows = TextImagesFile.read(folder);
    List<String> names = rows.stream().map(TextImagesFile.Row::fileName).toList();
    ImageFolder images = ImageFolder.of(folder, names, height, width, options);
    List<String> texts = rows.stream().map(TextImagesFile.Row::text).toList();
    return new TextImages(images, texts, ints(rows.size()));
  }

  private static int[] ints(int end) {
    int[] ints = new int[end];
    Arrays.setAll(ints, i -> i);
    return ints;
  }

  /**
   * A copy with another background colour than white for transparent parts.
   *
   * @param red in [0, 255], like the others
   */
  public TextImages withGround(int red, int green, int blue) {
    return new TextImages(images.withGround(red, green, blue), texts, rows);
  }

  /**
   * A copy with some of these samples, in this order; an index may occur several times. So samples
   * are put aside, or weighted.
   *
   * @param indices at least one, each in [0, size)
   */
  public TextImages select(int... indices) {
    if (indices.length == 0) {
      throw new IllegalArgumentException("indices must be at least 1 but were 0");
    }
    int[] selected = new int[indices.length];
    for (int i = 0; i < selected.length; i++) {
      selected[i] = rows[Objects.checkIndex(indices[i], rows.length)];
    }
    return new TextImages(images, texts, selected);
  }

  /**
   * These pictures with the ids of their texts, as a model of {@link ClipTokenizer#maxLength()}
   * tokens takes them: for each token a float, the difference from the id that the empty prompt has
   * there. So zeros, which the trainer's label dropout puts in their place, are the empty prompt.
   * Texts that are too long are cut; one line of log has their number.
   */
  public SampleSource tokenized(ClipTokenizer tokenizer) {
    long cut = texts().stream().filter(text -> tokenizer.encodeSilently(text).cut() > 0).count();
    if (cut > 0) {
      LOG.warn("{} of {} texts were cut to {} tokens", cut, size(), tokenizer.maxLength());
    }
    return embedded(tokenizer.maxLength(), 1, new TokenDifferences(tokenizer)::of);
  }

  /**
   * These pictures with an embedding of each text.
   *
   * @param tokens number of tokens of an embedding, at least 1
   * @param width length of the vector of a token, at least 1
   * @param embedding gives a text's {@code tokens * width} values, token by token; called each time
   *     a sample is read, and by several threads at once
   */
  public SampleSource embedded(int tokens, int width, Function<String, float[]> embedding) {
    return new EmbeddedTextImages(this, tokens, width, embedding);
  }

  /** The text of each sample, in order. */
  public List<String> texts() {
    return Arrays.stream(rows).mapToObj(texts::get).toList();
  }

  String text(int index) {
    return texts.get(rows[index]);
  }

  /** The file of a sample's picture. */
  public Path file(int index) {
    return images.file(rows[index]);
  }

  @Override
  public int size() {
    return rows.length;
  }

  @Override
  public long[] sampleShape() {
    return images.sampleShape();
  }

  /**
   * Decodes a picture.
   *
   * @throws IOException as {@link ImageFolder#read}
   */
  @Override
  public void read(int index, float[] into) throws IOException {
    images.read(rows[Objects.checkIndex(index, rows.length)], into);
  }

  /** {@inheritDoc} There are none. */
  @Override
  public int label(int index) {
    throw new IllegalStateException("samples have texts but no labels");
  }

  @Override
  public List<String> classNames() {
    return List.of();
  }

  /** {@inheritDoc} The checksum covers the texts and their order. */
  @Override
  public String description() {
    CRC32 checksum = new CRC32();
    for (int row : rows) {
      checksum.update((row + " " + texts.get(row) + "\n").getBytes(StandardCharsets.UTF_8));
    }
    return String.format(
        "TextImages[%d of %s, texts crc32 %08x]",
        rows.length, images.description(), checksum.getValue());
  }

  @Override
  public String toString() {
    return "TextImages[" + rows.length + " of " + images + "]";
  }
}
