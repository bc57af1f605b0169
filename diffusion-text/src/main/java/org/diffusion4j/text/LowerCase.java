package org.diffusion4j.text;

/**
 * Lower case by Unicode's rules for all languages, as Python's {@code str.lower} has it.
 *
 * <p>{@link String#toLowerCase} differs in which sigma ends a word, and takes the square of the
 * number of sigmas.
 */
final class LowerCase {

  private static final int CAPITAL_SIGMA = 0x3A3;
  private static final int SIGMA = 0x3C3;
  private static final int FINAL_SIGMA = 0x3C2;
  private static final int CAPITAL_I_WITH_DOT = 0x130;

  /** The characters whose Word_Break is MidLetter, MidNumLet or Single_Quote. */
  private static final String MIDDLE_OF_WORDS =
      "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";

  private LowerCase() {}

  static String of(String text) {
    var lower = new StringBuilder(text.length() + 4);
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      int next = i + Character.charCount(c);
      if (c == CAPITAL_SIGMA) {
        lower.appendCodePoint(endsWord(text, i, next) ? FINAL_SIGMA : SIGMA);
      } else if (c == CAPITAL_I_WITH_DOT) {
        lower.append("i\u0307");
      } else {
        lower.appendCodePoint(Character.toLowerCase(c));
      }
      i = next;
    }
    return lower.toString();
  }

  /**
   * Unicode's condition Final_Sigma (The Unicode Standard, table 3-17): letters with case stand
   * before, and none after, case-ignorable characters aside.
   */
  private static boolean endsWord(String text, int start, int end) {
    int before = start;
    while (before > 0 && isIgnorable(text.codePointBefore(before))) {
      before -= Character.charCount(text.codePointBefore(before));
    }
    if (before == 0 || !isCased(text.codePointBefore(before))) {
      return false;
    }
    int after = end;
    while (after < text.length() && isIgnorable(text.codePointAt(after))) {
      after += Character.charCount(text.codePointAt(after));
    }
    return after == text.length() || !isCased(text.codePointAt(after));
  }

  /** Unicode's property Cased. */
  private static boolean isCased(int c) {
    return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
  }

  /** Unicode's property Case_Ignorable. */
  private static boolean isIgnorable(int c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.FORMAT,
          Character.MODIFIER_LETTER,
          Character.MODIFIER_SYMBOL ->
          true;
      default -> MIDDLE_OF_WORDS.indexOf(c) >= 0;
    };
  }
}
