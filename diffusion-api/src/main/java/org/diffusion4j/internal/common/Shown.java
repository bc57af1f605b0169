package org.diffusion4j.internal.common;

import java.util.Arrays;
import java.util.Collection;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Formats values for messages: shortened, with control characters escaped. Every message, thrown or
 * logged, that quotes a file, a name from a file or a caller's text uses this class.
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
   * @param most maximum number of characters after escaping; the message has the number of omitted
   *     ones
   */
  public static String text(@Nullable Object value, int most) {
    String text = String.valueOf(value);
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      String next = escaped(c);
      if (shown.length() + next.length() > most) {
        return shown + "... (" + text.length() + " characters)";
      }
      shown.append(next);
      i += Character.charCount(c);
    }
    return shown.toString();
  }

  /** The first five values, each as {@link #text(Object)}, and the number of the others. */
  public static String list(Collection<?> values) {
    String first =
        values.stream().limit(MOST_ITEMS).map(Shown::text).collect(Collectors.joining(", "));
    return values.size() <= MOST_ITEMS
        ? first
        : first + " and " + (values.size() - MOST_ITEMS) + " more";
  }

  /** An array's type and shape, and never its values, of which there may be millions. */
  public static String array(INDArray array) {
    return array.wasClosed()
        ? "closed array"
        : array.dataType() + " " + Arrays.toString(array.shape());
  }

  private static String escaped(int c) {
    return switch (c) {
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      default -> isHarmful(c) ? String.format("\\u%04x", c) : Character.toString(c);
    };
  }

  /**
   * Whether a character could end a line of a log or change the display of the surrounding text.
   */
  private static boolean isHarmful(int c) {
    int type = Character.getType(c);
    return Character.isISOControl(c)
        || type == Character.FORMAT
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }
}
