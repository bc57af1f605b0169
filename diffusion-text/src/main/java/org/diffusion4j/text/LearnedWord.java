package org.diffusion4j.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A word as the symbols that {@link ClipVocabulary} has merged so far. */
final class LearnedWord {

  private final List<String> symbols = new ArrayList<>();
  private final int count;

  private LearnedWord(int count) {
    this.count = count;
  }

  /**
   * A word whose symbols are its bytes.
   *
   * @param count how often it occurs
   */
  static LearnedWord of(String word, int count) {
    var learned = new LearnedWord(count);
    for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
      learned.symbols.add(BytePairs.symbol(b & 0xFF));
    }
    learned.symbols.set(
        learned.symbols.size() - 1,
        learned.symbols.get(learned.symbols.size() - 1) + BytePairs.END);
    return learned;
  }

  /** Adds the occurrences of its pairs, each two symbols with a space between. */
  void addPairs(Map<String, Integer> pairs) {
    for (int i = 1; i < symbols.size(); i++) {
      pairs.merge(symbols.get(i - 1) + " " + symbols.get(i), count, Integer::sum);
    }
  }

  /** Merges a pair wherever it occurs, from the left to the right. */
  void merge(String left, String right) {
    for (int i = 1; i < symbols.size(); i++) {
      if (symbols.get(i - 1).equals(left) && symbols.get(i).equals(right)) {
        symbols.set(i - 1, left + right);
        symbols.remove(i);
      }
    }
  }
}
