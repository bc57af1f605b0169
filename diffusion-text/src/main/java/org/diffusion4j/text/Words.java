package org.diffusion4j.text;

import java.text.Normalizer;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Divides a text into the pieces that are encoded one by one: contractions, letters, digits, other
 * characters, as CLIP's tokenizer of the library transformers does without the package ftfy.
 */
final class Words {

  /** The tokens that the pattern keeps whole, also where they came about by lower case. */
  static final List<String> MARKERS = List.of("<|startoftext|>", "<|endoftext|>");

  private static final List<String> CONTRACTIONS =
      List.of("'s", "'t", "'re", "'ve", "'m", "'ll", "'d");

  private static final List<String> WHOLE =
      Stream.of(MARKERS, CONTRACTIONS).flatMap(List::stream).toList();

  private static final int REPLACEMENT = 0xFFFD;

  /** Matches no class of a pattern that ignores case: it is a mark whose capital is a letter. */
  private static final int YPOGEGRAMMENI = 0x345;

  private static final int LONG_S = 0x17F;

  private static final int MAX_MARKS = 256;

  private Words() {}

  /** Gives the pieces of a text in their order. */
  static void divide(String text, Consumer<String> pieces) {
    String clean = normalize(clean(text));
    for (int i = 0; i < clean.length(); ) {
      int end = i;
      while (end < clean.length() && !endsWord(clean.charAt(end))) {
        end++;
      }
      if (end > i) {
        divideWord(LowerCase.of(clean.substring(i, end)), pieces);
      }
      i = end + 1;
    }
  }

  /** Without control characters, with spaces for all separators and around ideographs. */
  private static String clean(String text) {
    var clean = new StringBuilder(text.length());
    text.codePoints().forEach(c -> append(c, clean));
    return clean.toString();
  }

  private static void append(int c, StringBuilder clean) {
    switch (Character.getType(c)) {
      case Character.CONTROL -> {
        if (c == '\t' || c == '\n' || c == '\r') {
          clean.append(' ');
        }
      }
      case Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED -> {}
      case Character.SPACE_SEPARATOR -> clean.append(' ');
      default -> {
        if (isIdeograph(c)) {
          clean.append(' ').appendCodePoint(c).append(' ');
        } else if (c != REPLACEMENT) {
          clean.appendCodePoint(c);
        }
      }
    }
  }

  /**
   * NFC. Putting marks in order takes the square of their number, so that more than {@link
   * #MAX_MARKS} in a row, which no language has, are normalised in groups.
   */
  private static String normalize(String text) {
    if (text.chars().allMatch(c -> c < 128)) {
      return text;
    }
    var normal = new StringBuilder(text.length());
    int start = 0;
    int marks = 0;
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      marks = isMark(text.codePointAt(i)) ? marks + 1 : 0;
      if (marks > MAX_MARKS) {
        normal.append(Normalizer.normalize(text.substring(start, i), Normalizer.Form.NFC));
        start = i;
        marks = 0;
      }
    }
    return normal
        .append(Normalizer.normalize(text.substring(start), Normalizer.Form.NFC))
        .toString();
  }

  private static boolean isMark(int c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.COMBINING_SPACING_MARK ->
          true;
      default -> false;
    };
  }

  /** The blocks that the original takes for ideographs: not extension F and later ones. */
  private static boolean isIdeograph(int c) {
    return (c >= 0x4E00 && c <= 0x9FFF)
        || (c >= 0x3400 && c <= 0x4DBF)
        || (c >= 0x20000 && c <= 0x2A6DF)
        || (c >= 0x2A700 && c <= 0x2CEAF)
        || (c >= 0xF900 && c <= 0xFAFF)
        || (c >= 0x2F800 && c <= 0x2FA1F);
  }

  /** A space, or one of the separators of lines and paragraphs, which cleaning leaves. */
  private static boolean endsWord(char c) {
    return c == ' ' || c == '\u2028' || c == '\u2029';
  }

  private static void divideWord(String word, Consumer<String> pieces) {
    for (int i = 0; i < word.length(); ) {
      int end = endOfPiece(word, i);
      if (end > i) {
        pieces.accept(word.substring(i, end));
      }
      i = Math.max(end, i + 1);
    }
  }

  /** The end of the piece that starts at an index; that index if none does. */
  private static int endOfPiece(String word, int start) {
    for (String whole : WHOLE) {
      if (matches(word, start, whole)) {
        return start + whole.length();
      }
    }
    Kind kind = kind(word.codePointAt(start));
    int end = start;
    if (kind != Kind.NONE) {
      do {
        end += Character.charCount(word.codePointAt(end));
      } while (kind != Kind.NUMBER && end < word.length() && kind(word.codePointAt(end)) == kind);
    }
    return end;
  }

  private static boolean matches(String word, int start, String whole) {
    if (word.length() - start < whole.length()) {
      return false;
    }
    for (int i = 0; i < whole.length(); i++) {
      char c = word.charAt(start + i);
      if (c != whole.charAt(i) && !(c == LONG_S && whole.charAt(i) == 's')) {
        return false;
      }
    }
    return true;
  }

  private enum Kind {
    LETTER,
    NUMBER,
    OTHER,
    NONE
  }

  private static Kind kind(int c) {
    return switch (Character.getType(c)) {
      case Character.UPPERCASE_LETTER,
          Character.LOWERCASE_LETTER,
          Character.TITLECASE_LETTER,
          Character.MODIFIER_LETTER,
          Character.OTHER_LETTER ->
          Kind.LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          Kind.NUMBER;
      default -> c == YPOGEGRAMMENI ? Kind.NONE : Kind.OTHER;
    };
  }
}
