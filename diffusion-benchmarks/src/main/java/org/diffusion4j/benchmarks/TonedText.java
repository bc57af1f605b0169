package org.diffusion4j.benchmarks;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The text of an emoji of a person or a hand in one of five skin tones, such as "waving hand sign,
 * medium-light skin tone".
 *
 * @param concept the text without the tone
 * @param tone index in {@link #TONES}
 */
record TonedText(String concept, int tone) {

  /** From the lightest to the darkest, as Unicode names them. */
  static final List<String> TONES =
      List.of("light", "medium-light", "medium", "medium-dark", "dark");

  private static final Pattern TONED =
      Pattern.compile("(.+), (" + String.join("|", TONES) + ") skin tone");

  /** A text's concept and tone; empty if it has no tone. */
  static Optional<TonedText> of(String text) {
    Matcher matcher = TONED.matcher(text);
    return matcher.matches()
        ? Optional.of(new TonedText(matcher.group(1), TONES.indexOf(matcher.group(2))))
        : Optional.empty();
  }

  /** A text without its tone, if it has one. */
  static String conceptOf(String text) {
    return of(text).map(TonedText::concept).orElse(text);
  }

  /** The whole text. */
  String text() {
    return concept + ", " + TONES.get(tone) + " skin tone";
  }
}
