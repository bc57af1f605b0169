package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.diffusion4j.internal.common.Shown;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * CLIP's tokenizer (Radford et al. 2021, arXiv:2103.00020): from a text to the ids that the text
 * encoders of Stable Diffusion take. Immutable, and safe for use by several threads.
 *
 * <p>The ids are those of {@code CLIPTokenizer} in transformers 4 without the package ftfy: lower
 * case, NFC, control characters dropped, each ideograph a word, each digit a piece. Special tokens
 * in the text, the padding among them, become their ids.
 *
 * <p>Which characters exist, and what they are, is the JDK's knowledge: Unicode 13 in JDK 17,
 * Unicode 15 in JDK 21. Characters that the JDK does not know are dropped, as Python drops those
 * that it does not know.
 */
public final class ClipTokenizer {

  /** The maximum length of a text in chars. */
  static final int MAX_TEXT = 1_000_000;

  private static final Logger LOG = LoggerFactory.getLogger(ClipTokenizer.class);

  private final BytePairs pairs;
  private final SpecialTokens specials;
  private final Map<String, Integer> markers;
  private final int maxLength;
  private final int vocabularySize;
  private final Map<String, byte[]> contents;

  private ClipTokenizer(TokenizerFiles files) {
    this.pairs = files.pairs();
    this.specials = files.specials();
    this.markers = files.markers();
    this.maxLength = files.maxLength();
    this.vocabularySize = files.vocabularySize();
    this.contents = files.contents();
  }

  /**
   * Reads a tokenizer as {@code CLIPTokenizer.save_pretrained} writes it: the files {@code
   * vocab.json} and {@code merges.txt}, and, where they are there, {@code tokenizer_config.json},
   * {@code special_tokens_map.json} and {@code added_tokens.json}.
   *
   * @param directory usually the folder {@code tokenizer} of a model directory
   * @throws org.diffusion4j.ModelFormatException if a file is missing or damaged, or does not fit
   *     to the others; the message names it
   * @throws IOException if a file cannot be read
   */
  public static ClipTokenizer read(Path directory) throws IOException {
    return new ClipTokenizer(TokenizerFiles.read(Objects.requireNonNull(directory, "directory")));
  }

  /**
   * The ids of a text: at most {@link #maxLength()} of them, padded to that length. If the text is
   * longer, its end is cut, and one line of log says so.
   *
   * @param text at most 1,000,000 chars; may be empty; characters that are not Unicode are dropped
   * @throws IllegalArgumentException if the text is longer
   */
  public Tokens encode(String text) {
    Tokens tokens = encodeSilently(text);
    if (tokens.cut() > 0) {
      LOG.warn(
          "a prompt of {} tokens was cut to {}: \"{}\"",
          tokens.used() + tokens.cut(),
          maxLength,
          Shown.text(text));
    }
    return tokens;
  }

  /** {@link #encode} without a line of log. */
  Tokens encodeSilently(String text) {
    int[] all = ids(text);
    int used = Math.min(all.length, maxLength);
    int[] ids = Arrays.copyOf(all, maxLength);
    ids[used - 1] = specials.end();
    Arrays.fill(ids, used, maxLength, specials.padding());
    return new Tokens(ids, used, all.length - used);
  }

  /**
   * All ids of a text, between a start and an end token, neither padded nor cut.
   *
   * @param text as in {@link #encode}
   * @return at least 2 values
   */
  public int[] ids(String text) {
    Objects.requireNonNull(text, "text");
    if (text.length() > MAX_TEXT) {
      throw new IllegalArgumentException(
          "text must have at most " + MAX_TEXT + " chars but has " + text.length());
    }
    IntStream.Builder ids = IntStream.builder();
    ids.add(specials.start());
    specials.split(text, ids, piece -> Words.divide(piece, word -> encode(word, ids)));
    ids.add(specials.end());
    return ids.build().toArray();
  }

  private void encode(String word, IntStream.Builder ids) {
    Integer marker = markers.get(word);
    if (marker == null) {
      pairs.encode(word, ids);
    } else {
      ids.add(marker);
    }
  }

  /**
   * Writes the files that this tokenizer was read from.
   *
   * @param directory an existing folder
   * @throws IOException if a file cannot be written
   */
  public void write(Path directory) throws IOException {
    for (Map.Entry<String, byte[]> file : contents.entrySet()) {
      Files.write(directory.resolve(file.getKey()), file.getValue());
    }
  }

  /** The length of what {@link #encode} returns: 77 for the models of OpenAI and Stability AI. */
  public int maxLength() {
    return maxLength;
  }

  /** One more than the largest id: so many rows the encoder's table must have at least. */
  public int vocabularySize() {
    return vocabularySize;
  }

  @Override
  public String toString() {
    return "ClipTokenizer[vocabularySize=" + vocabularySize + ", maxLength=" + maxLength + "]";
  }
}
