package org.diffusion4j.text;

import java.util.Comparator;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The tokens that a text may hold as they are written: start, end, padding, and what was added to
 * the vocabulary.
 *
 * @param start the id of the start token
 * @param end the id of the end token
 * @param padding the id of the padding
 * @param ids the ids of all special tokens, at least one
 * @param pattern matches any of them
 */
record SpecialTokens(int start, int end, int padding, Map<String, Integer> ids, Pattern pattern) {

  static SpecialTokens of(int start, int end, int padding, Map<String, Integer> ids) {
    // The longest first, so that a token wins over those that it starts with.
    String any =
        ids.keySet().stream()
            .sorted(Comparator.comparingInt(token -> -token.length()))
            .map(Pattern::quote)
            .collect(Collectors.joining("|"));
    return new SpecialTokens(start, end, padding, Map.copyOf(ids), Pattern.compile(any));
  }

  /** Gives the parts of a text in their order: special tokens to {@code token}, and the others. */
  void split(String text, IntConsumer token, Consumer<String> others) {
    Matcher matcher = pattern.matcher(text);
    int from = 0;
    while (matcher.find()) {
      others.accept(text.substring(from, matcher.start()));
      token.accept(ids.getOrDefault(matcher.group(), end));
      from = matcher.end();
    }
    others.accept(text.substring(from));
  }
}
