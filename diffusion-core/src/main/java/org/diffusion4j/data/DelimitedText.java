package org.diffusion4j.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the rows of a text table in linear time. Cells may be in double quotes (RFC 4180): a quote
 * inside is doubled, and they may contain line breaks. Lines end with LF, CR LF or CR.
 */
final class DelimitedText {

  private static final char WHITE_SPACE = ' ';
  private static final char NEW_LINE = '\n';
  private static final char RETURN = '\r';
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?");
  private static final Pattern NOT_FINITE =
      Pattern.compile("[+-]?(nan|inf|infinity)", Pattern.CASE_INSENSITIVE);

  private final String name;
  private final String text;
  private final String separators;
  private char separator;
  private boolean separatorKnown;
  private int position;
  private int line = 1;
  private int rowLine;

  /**
   * @param name name of the file, for messages
   * @param decimalComma whether commas are part of numbers and do not separate cells
   */
  DelimitedText(String name, String text, boolean decimalComma) {
    this.name = name;
    this.text = text;
    this.separators = decimalComma ? "\t;" : "\t;,";
    this.position = text.startsWith("\uFEFF") ? 1 : 0;
    readSeparatorLine();
  }

  /** Reads a first line such as {@code sep=;}, which spreadsheets write. */
  private void readSeparatorLine() {
    int end = endOfLine(position);
    if (end - position == 5 && text.startsWith("sep=", position)) {
      separator = text.charAt(end - 1);
      separatorKnown = true;
      position = end;
      passLineEnd();
    }
  }

  /** The first line of the last row, from 1. */
  int line() {
    return rowLine;
  }

  /**
   * The cells of the next row, without surrounding white space. Blank lines and lines that start
   * with {@code #} are skipped.
   *
   * @return null at the end of the file
   */
  @Nullable List<String> next() throws IOException {
    while (position < text.length()) {
      int end = endOfLine(position);
      if (text.charAt(position) != '#' && !isBlank(position, end)) {
        if (!separatorKnown) {
          findSeparator();
        }
        rowLine = line;
        return row();
      }
      position = end;
      passLineEnd();
    }
    return null;
  }

  /**
   * Chooses the separator: the first of tab, semicolon and comma that occurs in the current row,
   * otherwise white space.
   */
  private void findSeparator() {
    boolean[] found = new boolean[separators.length()];
    boolean quoted = false;
    boolean cellBegins = true;
    for (int i = position; i < text.length() && (quoted || !isLineEnd(text.charAt(i))); i++) {
      char c = text.charAt(i);
      int candidate = separators.indexOf(c);
      if (c == '"' && quoted && i + 1 < text.length() && text.charAt(i + 1) == '"') {
        i++;
      } else if (c == '"' && (quoted || cellBegins)) {
        quoted = !quoted;
      } else if (candidate >= 0 && !quoted) {
        found[candidate] = true;
      }
      cellBegins = candidate >= 0 || Character.isWhitespace(c);
    }
    separatorKnown = true;
    separator = WHITE_SPACE;
    for (int i = found.length - 1; i >= 0; i--) {
      separator = found[i] ? separators.charAt(i) : separator;
    }
  }

  private List<String> row() throws IOException {
    List<String> cells = new ArrayList<>();
    StringBuilder cell = new StringBuilder();
    boolean space = separator == WHITE_SPACE;
    do {
      passBlanks();
      if (space && atEndOfLine() && !cells.isEmpty()) {
        break;
      }
      cell.setLength(0);
      if (position < text.length() && text.charAt(position) == '"') {
        readQuoted(cell);
      }
      int start = position;
      while (!atEndOfLine() && !separates(text.charAt(position))) {
        position++;
      }
      cell.append(text, start, position);
      cells.add(cell.toString().strip());
    } while (passSeparator());
    passLineEnd();
    return cells;
  }

  private void readQuoted(StringBuilder cell) throws IOException {
    int opened = line;
    position++;
    while (position < text.length()) {
      char c = text.charAt(position);
      if (c == '"') {
        position++;
        if (position == text.length() || text.charAt(position) != '"') {
          return;
        }
      } else if (endsLine(position)) {
        line++;
      }
      cell.append(c);
      position++;
    }
    throw new IOException(name + ": line " + opened + ": quote is not closed");
  }

  private void passBlanks() {
    while (!atEndOfLine()
        && Character.isWhitespace(text.charAt(position))
        && (separator == WHITE_SPACE || text.charAt(position) != separator)) {
      position++;
    }
  }

  private boolean passSeparator() {
    if (atEndOfLine()) {
      return false;
    }
    position++;
    return true;
  }

  private boolean separates(char c) {
    return separator == WHITE_SPACE ? Character.isWhitespace(c) : c == separator;
  }

  private boolean atEndOfLine() {
    return position == text.length() || isLineEnd(text.charAt(position));
  }

  /** Whether a character is the last one of a line break. */
  private boolean endsLine(int at) {
    char c = text.charAt(at);
    return c == NEW_LINE
        || (c == RETURN && (at + 1 == text.length() || text.charAt(at + 1) != NEW_LINE));
  }

  private void passLineEnd() {
    if (position < text.length()) {
      position += endsLine(position) ? 1 : 2;
      line++;
    }
  }

  private int endOfLine(int from) {
    int end = from;
    while (end < text.length() && !isLineEnd(text.charAt(end))) {
      end++;
    }
    return end;
  }

  private boolean isBlank(int from, int end) {
    for (int i = from; i < end; i++) {
      if (!Character.isWhitespace(text.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isLineEnd(char c) {
    return c == NEW_LINE || c == RETURN;
  }

  /** Whether a cell is a number, finite or not. */
  static boolean isNumber(String cell) {
    return NUMBER.matcher(cell).matches() || NOT_FINITE.matcher(cell).matches();
  }

  /** The number in a cell, including NaN and infinities. */
  static double number(String cell) {
    return NUMBER.matcher(cell).matches() ? Double.parseDouble(cell) : Double.NaN;
  }
}
