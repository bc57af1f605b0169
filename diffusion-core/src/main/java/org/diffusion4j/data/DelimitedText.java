package org.diffusion4j.data;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Splits the lines of a text table; cells may be in double quotes, a quote in them is doubled. */
final class DelimitedText {

  private static final char WHITE_SPACE = ' ';
  private static final Pattern QUOTED = Pattern.compile("\"[^\"]*\"");
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?");
  private static final Pattern NOT_FINITE =
      Pattern.compile("[+-]?(nan|inf|infinity)", Pattern.CASE_INSENSITIVE);

  private final char separator;

  private DelimitedText(char separator) {
    this.separator = separator;
  }

  /** Takes the first of tab, semicolon and comma that occurs in a line, else white space. */
  static DelimitedText ofLine(String line) {
    String unquoted = QUOTED.matcher(line).replaceAll("");
    for (char separator : new char[] {'\t', ';', ','}) {
      if (unquoted.indexOf(separator) >= 0) {
        return new DelimitedText(separator);
      }
    }
    return new DelimitedText(WHITE_SPACE);
  }

  List<String> split(String line) {
    List<String> cells = new ArrayList<>();
    StringBuilder cell = new StringBuilder();
    boolean quoted = false;
    String rest = separator == WHITE_SPACE ? line.strip() : line;
    for (int i = 0; i < rest.length(); i++) {
      char c = rest.charAt(i);
      if (c == '"' && quoted && i + 1 < rest.length() && rest.charAt(i + 1) == '"') {
        cell.append('"');
        i++;
      } else if (c == '"' && (quoted || cell.toString().isBlank())) {
        quoted = !quoted;
      } else if (!quoted && separates(c)) {
        if (separator != WHITE_SPACE || !separates(rest.charAt(i - 1))) {
          cells.add(cell.toString().strip());
        }
        cell.setLength(0);
      } else {
        cell.append(c);
      }
    }
    cells.add(cell.toString().strip());
    return cells;
  }

  private boolean separates(char c) {
    return separator == WHITE_SPACE ? Character.isWhitespace(c) : c == separator;
  }

  /** Whether a cell is a number, be it finite or not. */
  static boolean isNumber(String cell) {
    return NUMBER.matcher(cell).matches() || NOT_FINITE.matcher(cell).matches();
  }

  /** The number of a cell; NaN and the infinities as such. */
  static double number(String cell) {
    return NUMBER.matcher(cell).matches() ? Double.parseDouble(cell) : Double.NaN;
  }
}
