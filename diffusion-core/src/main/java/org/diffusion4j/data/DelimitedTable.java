package org.diffusion4j.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/** The rows of a text table that pass a filter, as text. */
final class DelimitedTable {

  private static final long MOST_BYTES = 1L << 30;
  private static final Set<String> MISSING = Set.of("", "na", "n/a", "nan", "null");

  /** A column, given by its name, or by its index if the name is null. */
  record Column(@Nullable String name, int index) {

    static Column of(int index) {
      return new Column(null, index);
    }

    static Column of(String name) {
      return new Column(name, -1);
    }
  }

  /**
   * The format of the text.
   *
   * @param header whether the first row has the column names; null if its content decides
   * @param decimalComma whether numbers have decimal commas
   * @param filter column that selects rows; null for all rows
   * @param filterText the text of this column in the selected rows
   */
  record Format(
      @Nullable Boolean header, boolean decimalComma, @Nullable Column filter, String filterText) {}

  private record Row(int line, List<String> cells) {}

  private final String file;
  private final Format format;
  private List<Row> rows = new ArrayList<>();
  private List<String> names = List.of();
  private List<String> firstRow = List.of();
  private int firstLine;

  private DelimitedTable(String file, Format format) {
    this.file = file;
    this.format = format;
  }

  static DelimitedTable read(Path file, Format format) throws IOException {
    long size = DataFiles.requireFile(file);
    DelimitedTable table = new DelimitedTable(DataFiles.show(file), format);
    if (size > MOST_BYTES) {
      throw new IOException(
          table.file + ": must have at most " + MOST_BYTES + " bytes but has " + size);
    }
    try {
      table.read(Files.readString(file, charset(file)));
    } catch (CharacterCodingException e) {
      throw new IOException(table.file + ": is not UTF-8 text", e);
    }
    if (table.rows.isEmpty()) {
      throw new IOException(
          table.file
              + (format.filter == null
                  ? ": has no rows"
                  : ": has no rows with '" + Shown.text(format.filterText) + "'"));
    }
    return table;
  }

  /** UTF-8, unless the file begins with a byte order mark of UTF-16. */
  private static Charset charset(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] mark = in.readNBytes(2);
      int bits = mark.length < 2 ? 0 : (mark[0] & 0xff) << 8 | mark[1] & 0xff;
      return switch (bits) {
        case 0xfffe -> StandardCharsets.UTF_16LE;
        case 0xfeff -> StandardCharsets.UTF_16BE;
        default -> StandardCharsets.UTF_8;
      };
    }
  }

  private void read(String content) throws IOException {
    DelimitedText text = new DelimitedText(file, content, format.decimalComma);
    int filterIndex = -1;
    for (List<String> cells = text.next(); cells != null; cells = text.next()) {
      if (firstRow.isEmpty()) {
        firstRow = cells;
        firstLine = text.line();
        boolean header =
            format.header == null ? cells.stream().noneMatch(this::isNumber) : format.header;
        names = header ? cells : List.of();
        filterIndex = format.filter == null ? -1 : index(format.filter);
        if (header) {
          continue;
        }
      }
      if (cells.size() != width()) {
        throw new IOException(
            at(text.line()) + "row must have " + width() + " cells but has " + cells.size());
      }
      if (filterIndex < 0 || cells.get(filterIndex).equals(format.filterText)) {
        rows.add(new Row(text.line(), cells));
      }
    }
  }

  int index(Column column) throws IOException {
    if (column.name != null && names.isEmpty()) {
      throw new IOException(
          file
              + ": columns must have names to select '"
              + Shown.text(column.name)
              + "' but the first row was read as data: "
              + Shown.list(firstRow)
              + "; header(true) reads it as names");
    }
    int index = column.name == null ? column.index : names.indexOf(column.name);
    if (index < 0 || index >= width()) {
      throw new IOException(
          column.name == null
              ? file + ": column must be in [0, " + (width() - 1) + "] but was " + index
              : file
                  + ": column must be one of ["
                  + Shown.list(names)
                  + "] but was '"
                  + Shown.text(column.name)
                  + "'");
    }
    if (column.name != null && names.lastIndexOf(column.name) != index) {
      throw new IOException(
          file + ": column '" + Shown.text(column.name) + "' occurs twice; select it by index");
    }
    return index;
  }

  int width() {
    return firstRow.size();
  }

  boolean isNumeric(int column) {
    return rows.stream().anyMatch(row -> isNumber(row.cells.get(column)));
  }

  /** Whether a cell of a column would be a number if its comma were a point. */
  boolean hasDecimalCommas() {
    return !format.decimalComma
        && rows.stream()
            .anyMatch(row -> row.cells.stream().anyMatch(DelimitedTable::isCommaNumber));
  }

  /** The first row if it was read as data but could be column names, otherwise null. */
  @Nullable String numbersInFirstRow() {
    return format.header == null && names.isEmpty() ? Shown.list(firstRow) : null;
  }

  /** Whether the numbers of the first row increase by one, like years and indices. */
  boolean firstRowCounts() {
    List<Double> numbers = firstRow.stream().filter(this::isNumber).map(this::number).toList();
    for (int i = 1; i < numbers.size(); i++) {
      if (numbers.get(i) - numbers.get(i - 1) != 1) {
        return false;
      }
    }
    return numbers.size() > 1 && numbers.get(0) == Math.rint(numbers.get(0));
  }

  /**
   * Removes rows with a missing value in one of these columns.
   *
   * @return the number of removed rows
   */
  int leaveOutIncomplete(int[] columns) throws IOException {
    List<Row> complete = new ArrayList<>();
    for (Row row : rows) {
      boolean whole = true;
      for (int column : columns) {
        whole &= !isMissing(row.cells.get(column));
      }
      if (whole) {
        complete.add(row);
      }
    }
    if (complete.isEmpty()) {
      throw new IOException(file + ": has no complete row");
    }
    int left = rows.size() - complete.size();
    rows = complete;
    return left;
  }

  double[][] numbers(int[] columns) throws IOException {
    double[][] numbers = new double[rows.size()][columns.length];
    for (int r = 0; r < numbers.length; r++) {
      Row row = rows.get(r);
      for (int i = 0; i < columns.length; i++) {
        String cell = row.cells.get(columns[i]);
        if (!isNumber(cell)) {
          throw new IOException(notTaken(row, columns[i], "is not a number"));
        }
        numbers[r][i] = number(cell);
        if (!Double.isFinite(numbers[r][i])) {
          throw new IOException(notTaken(row, columns[i], "is not finite"));
        }
      }
    }
    return numbers;
  }

  private String notTaken(Row row, int column, String why) {
    String cell = row.cells.get(column);
    String remedy;
    if (row.line == firstLine && format.header == null && !isNumber(cell)) {
      remedy = "header(true) reads the line as names";
    } else if (isMissing(cell)) {
      remedy = "skipIncompleteRows() skips such rows";
    } else if (!format.decimalComma && isCommaNumber(cell)) {
      remedy = "decimalComma() accepts it";
    } else {
      remedy = "columns(...) selects others";
    }
    return at(row.line)
        + "column "
        + columnName(column)
        + ": '"
        + Shown.text(cell)
        + "' "
        + why
        + "; "
        + remedy;
  }

  /** The cells of a column. */
  List<String> texts(int column) {
    return rows.stream().map(row -> row.cells.get(column)).toList();
  }

  /** The first line of each text of a column. */
  Map<String, Integer> firstLines(int column) {
    Map<String, Integer> lines = new HashMap<>();
    rows.forEach(row -> lines.putIfAbsent(row.cells.get(column), row.line));
    return lines;
  }

  private String at(int line) {
    return file + ": line " + line + ": ";
  }

  String columnName(int column) {
    boolean named = !names.isEmpty() && !names.get(column).isEmpty();
    return named ? Shown.text(names.get(column)) : String.valueOf(column);
  }

  /** The names of columns as they are in the file; empty if it has none. */
  List<String> names(int[] columns) {
    return names.isEmpty() ? List.of() : Arrays.stream(columns).mapToObj(names::get).toList();
  }

  private boolean isNumber(String cell) {
    // With decimal commas, a point separates thousands.
    return !(format.decimalComma && cell.indexOf('.') >= 0) && DelimitedText.isNumber(plain(cell));
  }

  private double number(String cell) {
    return DelimitedText.number(plain(cell));
  }

  private String plain(String cell) {
    return format.decimalComma ? withPoint(cell) : cell;
  }

  private static boolean isCommaNumber(String cell) {
    return cell.indexOf(',') >= 0 && DelimitedText.isNumber(withPoint(cell));
  }

  private static String withPoint(String cell) {
    return cell.replace(',', '.');
  }

  private static boolean isMissing(String cell) {
    return cell.length() <= 4 && MISSING.contains(cell.toLowerCase(Locale.ROOT));
  }
}
