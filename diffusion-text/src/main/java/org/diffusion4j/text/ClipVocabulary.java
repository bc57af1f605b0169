package org.diffusion4j.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.jspecify.annotations.Nullable;

/**
 * A small vocabulary for a {@link ClipTokenizer}, learned from the texts of a data set by byte-pair
 * encoding (Sennrich et al. 2016, arXiv:1508.07909, algorithm 1), for a text encoder that is
 * trained from scratch.
 *
 * <pre>{@code
 * ClipVocabulary.learn(images.texts(), 2, 24).save(Path.of("tokenizer"));
 * ClipTokenizer tokenizer = ClipTokenizer.read(Path.of("tokenizer"));
 * }</pre>
 */
public final class ClipVocabulary {

  private static final String START = "<|startoftext|>";
  private static final String END = "<|endoftext|>";

  private final List<String> merges;
  private final int maxLength;

  private ClipVocabulary(List<String> merges, int maxLength) {
    this.merges = List.copyOf(merges);
    this.maxLength = maxLength;
  }

  /**
   * Merges the most frequent pair of neighbouring symbols until no pair is frequent. So all words
   * that are frequent become a token each; the others are divided into pieces. Pairs of the same
   * frequency are merged in the order of their characters.
   *
   * @param texts in which pairs are counted
   * @param frequency how often a pair must occur to be merged, at least 1
   * @param maxLength tokens of a text with its start and its end, at least 2
   */
  public static ClipVocabulary learn(Collection<String> texts, int frequency, int maxLength) {
    if (frequency < 1) {
      throw new IllegalArgumentException("frequency must be at least 1 but was " + frequency);
    }
    if (maxLength < 2) {
      throw new IllegalArgumentException("max length must be at least 2 but was " + maxLength);
    }
    Map<String, Integer> counts = new TreeMap<>();
    for (String text : texts) {
      Words.divide(text, word -> counts.merge(word, 1, Integer::sum));
    }
    Words.MARKERS.forEach(counts::remove);
    List<LearnedWord> words = new ArrayList<>();
    counts.forEach((word, count) -> words.add(LearnedWord.of(word, count)));
    List<String> merges = new ArrayList<>();
    for (String pair = mostFrequent(words, frequency); pair != null; ) {
      merges.add(pair);
      int space = pair.indexOf(' ');
      String left = pair.substring(0, space);
      String right = pair.substring(space + 1);
      words.forEach(word -> word.merge(left, right));
      pair = mostFrequent(words, frequency);
    }
    return new ClipVocabulary(merges, maxLength);
  }

  private static @Nullable String mostFrequent(List<LearnedWord> words, int frequency) {
    Map<String, Integer> pairs = new TreeMap<>();
    words.forEach(word -> word.addPairs(pairs));
    String most = null;
    int count = frequency - 1;
    for (Map.Entry<String, Integer> pair : pairs.entrySet()) {
      if (pair.getValue() > count) {
        most = pair.getKey();
        count = pair.getValue();
      }
    }
    return most;
  }

  /** The number of tokens: 512 for bytes, one for each merge, a start and an end. */
  public int size() {
    return 512 + merges.size() + 2;
  }

  /**
   * Writes the files that {@link ClipTokenizer#read} reads. An existing directory is replaced if it
   * is empty or contains a {@code vocab.json}.
   *
   * @param directory usually the folder {@code tokenizer} of a model directory
   * @throws IOException naming the file that cannot be written; nothing changes then
   */
  public void save(Path directory) throws IOException {
    ModelIndex.writeDirectory(directory, TokenizerFiles.VOCABULARY, this::write);
  }

  private void write(Path directory) throws IOException {
    Json.write(directory.resolve(TokenizerFiles.VOCABULARY), ids());
    Files.writeString(
        directory.resolve(TokenizerFiles.MERGES),
        "#version: 0.2\n" + String.join("\n", merges) + "\n",
        StandardCharsets.UTF_8);
    Json.write(
        directory.resolve(TokenizerFiles.CONFIG),
        Map.of(
            "bos_token", START,
            "eos_token", END,
            "pad_token", END,
            "unk_token", END,
            "model_max_length", maxLength,
            "tokenizer_class", "CLIPTokenizer"));
  }

  private Map<String, @Nullable Object> ids() {
    Map<String, @Nullable Object> ids = new LinkedHashMap<>();
    for (String end : List.of("", BytePairs.END)) {
      for (int b = 0; b < 256; b++) {
        ids.put(BytePairs.symbol(b) + end, ids.size());
      }
    }
    merges.forEach(pair -> ids.put(pair.replace(" ", ""), ids.size()));
    ids.put(START, ids.size());
    ids.put(END, ids.size());
    return ids;
  }
}
