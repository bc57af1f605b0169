package org.diffusion4j.internal.common;

import java.util.Collection;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How messages show what files and callers hold: cut short, with control characters escaped. Every
 * message, thrown or logged, that quotes a file, a name from a file or a caller's text goes through
 * here.
 */
public final class Shown {

  private static final int MOST_CHARACTERS = 80;
  private static final int MOST_ITEMS = 5;

  private Shown() {}

  /**
   * A value as text of about 80 characters at most.
   *
   * @param value null is shown as {@code null}
   */
  public static String text(@Nullable Object value) {
    return text(value, MOST_CHARACTERS);
  }

  /**
   * A value as text.
   *
   * @param most characters of the value that are shown; what is left out is counted
   */
  public static String text(@Nullable Object value, int most) {
    String text = String.valueOf(value);
    if (text.length() <= most) {
      return escaped(text);
    }
    int end = Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
    return escaped(text.substring(0, end)) + "... (" + text.length() + " characters)";
  }

  /** The first five values, each as {@link #text(Object)}, and how many more there are. */
  public static String list(Collection<?> values) {
    String first =
        values.stream().limit(MOST_ITEMS).map(Shown::text).collect(Collectors.joining(", "));
    return values.size() <= MOST_ITEMS
        ? first
        : first + " and " + (values.size() - MOST_ITEMS) + " more";
  }

  private static String escaped(String text) {
    if (text.chars().noneMatch(Shown::isHarmful)) {
      return text;
    }
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '\n' -> all.append("\\n");
        case '\r' -> all.append("\\r");
        case '\t' -> all.append("\\t");
        default -> {
          if (isHarmful(c)) {
            all.append(String.format("\\u%04x", (int) c));
          } else {
            all.append(c);
          }
        }
      }
    }
    return all.toString();
  }

  /** Whether a character could end a line of a log, or change how the text around it is shown. */
  private static boolean isHarmful(int c) {
    int type = Character.getType(c);
    return Character.isISOControl(c)
        || type == Character.FORMAT
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }
}
