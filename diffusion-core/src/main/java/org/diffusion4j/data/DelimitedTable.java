package org.diffusion4j.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The rows of a text table that pass a filter, as text. */
final class DelimitedTable {

  private static final long MOST_BYTES = 1L << 30;

  /** A column by its name, or by its index if that is null. */
  record Column(@Nullable String name, int index) {

    static Column of(int index) {
      return new Column(null, index);
    }

    static Column of(String name) {
      return new Column(name, -1);
    }
  }

  private record Row(int line, List<String> cells) {}

  private final Path file;
  private final List<Row> rows = new ArrayList<>();
  private List<String> names = List.of();
  private int width;

  private DelimitedTable(Path file) {
    this.file = file;
  }

  static DelimitedTable read(Path file, @Nullable Column filter, String text) throws IOException {
    long size = DataFiles.requireFile(file);
    if (size > MOST_BYTES) {
      throw new IOException(file + ": must have at most " + MOST_BYTES + " bytes but has " + size);
    }
    DelimitedTable table = new DelimitedTable(file);
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      table.read(reader, filter, text);
    } catch (CharacterCodingException e) {
      throw new IOException(file + ": is no UTF-8 text", e);
    }
    if (table.rows.isEmpty()) {
      throw new IOException(
          file + (filter == null ? ": has no rows" : ": has no rows with '" + text + "'"));
    }
    return table;
  }

  private void read(BufferedReader reader, @Nullable Column filter, String text)
      throws IOException {
    DelimitedText format = null;
    int filterIndex = -1;
    int number = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      number++;
      String content = number == 1 && line.startsWith("\uFEFF") ? line.substring(1) : line;
      if (content.isBlank() || content.startsWith("#")) {
        continue;
      }
      boolean first = format == null;
      if (format == null) {
        format = DelimitedText.ofLine(content);
      }
      List<String> cells = format.split(content);
      if (first) {
        width = cells.size();
        names = cells.stream().noneMatch(DelimitedText::isNumber) ? cells : List.of();
        filterIndex = filter == null ? -1 : index(filter);
        if (!names.isEmpty()) {
          continue;
        }
      }
      if (cells.size() != width) {
        throw new IOException(
            at(number) + "row must have " + width + " cells but has " + cells.size());
      }
      if (filterIndex < 0 || cells.get(filterIndex).equals(text)) {
        rows.add(new Row(number, cells));
      }
    }
  }

  int index(Column column) throws IOException {
    int index = column.name == null ? column.index : names.indexOf(column.name);
    if (index < 0 || index >= width) {
      throw new IOException(
          column.name == null
              ? file + ": column must be in [0, " + (width - 1) + "] but was " + index
              : file + ": column must be one of " + names + " but was '" + column.name + "'");
    }
    return index;
  }

  int width() {
    return width;
  }

  boolean isNumeric(int column) {
    return rows.stream().anyMatch(row -> DelimitedText.isNumber(row.cells.get(column)));
  }

  double[][] numbers(int[] columns) throws IOException {
    double[][] numbers = new double[rows.size()][columns.length];
    for (int r = 0; r < numbers.length; r++) {
      Row row = rows.get(r);
      for (int i = 0; i < columns.length; i++) {
        String cell = row.cells.get(columns[i]);
        if (!DelimitedText.isNumber(cell)) {
          throw new IOException(at(row.line) + columnName(columns[i]) + cell + "' is no number");
        }
        numbers[r][i] = DelimitedText.number(cell);
        if (!Double.isFinite(numbers[r][i])) {
          throw new IOException(at(row.line) + columnName(columns[i]) + cell + "' is not finite");
        }
      }
    }
    return numbers;
  }

  InMemorySamples label(InMemorySamples samples, int column) {
    List<String> texts = rows.stream().map(row -> row.cells.get(column)).toList();
    boolean whole = texts.stream().allMatch(text -> text.matches("[+-]?\\d{1,18}"));
    Comparator<String> order =
        whole ? Comparator.comparingLong(Long::parseLong) : Comparator.naturalOrder();
    List<String> classes = texts.stream().distinct().sorted(order).toList();
    Map<String, Integer> indices = new HashMap<>();
    classes.forEach(name -> indices.put(name, indices.size()));
    return samples.withLabels(texts.stream().mapToInt(indices::get).toArray(), classes);
  }

  private String at(int line) {
    return file + ": line " + line + ": ";
  }

  private String columnName(int column) {
    return "column " + (names.isEmpty() ? column : names.get(column)) + ": '";
  }
}
