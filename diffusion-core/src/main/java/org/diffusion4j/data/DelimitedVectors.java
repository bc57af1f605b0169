package org.diffusion4j.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Vectors of a text table (CSV, TSV), one a line, each column scaled to [-1, 1].
 *
 * <p>The text is UTF-8. The cells of a line are separated by tabs, semicolons or commas, whichever
 * of them in this order the first line has, or else by white space; they may stand in double
 * quotes. A first line without any number is taken for the names of the columns. Blank lines and
 * lines that begin with {@code #} are passed over. Columns are chosen by their index from 0 or
 * their name. Held in memory.
 *
 * <pre>{@code
 * DelimitedVectors.of(Path.of("datasaurus.tsv")).where("dataset", "dino").read();
 * }</pre>
 */
public final class DelimitedVectors implements SampleSource {

  private static final long MOST_BYTES = 1L << 30;

  private final Path file;
  private final InMemorySamples samples;
  private final Scaling scaling;

  private DelimitedVectors(Path file, InMemorySamples samples, Scaling scaling) {
    this.file = file;
    this.samples = samples;
    this.scaling = scaling;
  }

  /**
   * Begins to say how a file is to be read; as it stands, all its numeric columns without labels.
   */
  public static Builder of(Path file) {
    return new Builder(file);
  }

  /** How the columns were scaled; {@link Scaling#invert} brings samples back to their units. */
  public Scaling scaling() {
    return scaling;
  }

  @Override
  public int size() {
    return samples.size();
  }

  @Override
  public long[] sampleShape() {
    return samples.sampleShape();
  }

  @Override
  public void read(int index, float[] into) {
    samples.read(index, into);
  }

  @Override
  public int label(int index) {
    return samples.label(index);
  }

  @Override
  public List<String> classNames() {
    return samples.classNames();
  }

  @Override
  public String toString() {
    return "DelimitedVectors[" + file.getFileName() + ", " + Samples.describe(this) + "]";
  }

  /** How a file is to be read. */
  public static final class Builder {

    private final Path file;
    private List<Column> columns = List.of();
    private @Nullable Column label;
    private @Nullable Column filter;
    private String filterText = "";
    private @Nullable Scaling scaling;

    private Builder(Path file) {
      this.file = file;
    }

    /** Takes these columns, in this order, instead of all numeric ones. */
    public Builder columns(int... indices) {
      columns = Arrays.stream(indices).mapToObj(Column::of).toList();
      return this;
    }

    /** Takes the columns of these names, in this order, instead of all numeric ones. */
    public Builder columns(String... names) {
      columns = Arrays.stream(names).map(Column::of).toList();
      return this;
    }

    /**
     * Takes the texts of a column as classes, sorted: as numbers if all are whole numbers,
     * otherwise as text.
     */
    public Builder label(int index) {
      label = Column.of(index);
      return this;
    }

    /**
     * Takes the texts of a column as classes.
     *
     * @see #label(int)
     */
    public Builder label(String name) {
      label = Column.of(name);
      return this;
    }

    /** Takes only the rows that have this text in a column. */
    public Builder where(int index, String text) {
      filter = Column.of(index);
      filterText = text;
      return this;
    }

    /** Takes only the rows that have this text in a column. */
    public Builder where(String name, String text) {
      filter = Column.of(name);
      filterText = text;
      return this;
    }

    /**
     * Scales in this way instead of by the smallest and greatest value of each column; values
     * outside its ranges come to lie outside [-1, 1].
     */
    public Builder scaling(Scaling scaling) {
      this.scaling = scaling;
      return this;
    }

    /**
     * Reads the file.
     *
     * @throws IOException naming the file, and the line where there is one, if the file is missing,
     *     empty or greater than 1 GiB, a column or any row is missing, a row has more or fewer
     *     cells than the first, or a cell of a chosen column is no finite number
     */
    public DelimitedVectors read() throws IOException {
      Table table = Table.read(file, filter, filterText);
      int labelIndex = label == null ? -1 : table.index(label);
      int filterIndex = filter == null ? -1 : table.index(filter);
      int[] chosen = new int[columns.size()];
      for (int i = 0; i < chosen.length; i++) {
        chosen[i] = table.index(columns.get(i));
      }
      if (chosen.length == 0) {
        chosen =
            IntStream.range(0, table.width)
                .filter(c -> c != labelIndex && c != filterIndex && table.isNumeric(c))
                .toArray();
      }
      if (chosen.length == 0) {
        throw new IOException(file + ": has no column of numbers");
      }
      double[][] rows = table.numbers(chosen);
      Scaling used;
      InMemorySamples samples;
      try {
        used = scaling == null ? Scaling.fit(rows) : scaling;
        samples = InMemorySamples.ofVectors(rows, used);
      } catch (IllegalArgumentException e) {
        throw new IOException(file + ": " + e.getMessage(), e);
      }
      return new DelimitedVectors(
          file, labelIndex < 0 ? samples : table.label(samples, labelIndex), used);
    }
  }

  /** A column by its name, or by its index if that is null. */
  private record Column(@Nullable String name, int index) {

    static Column of(int index) {
      return new Column(null, index);
    }

    static Column of(String name) {
      return new Column(name, -1);
    }
  }

  private record Row(int line, List<String> cells) {}

  /** The rows that pass the filter, as text. */
  private static final class Table {

    private final Path file;
    private final List<Row> rows = new ArrayList<>();
    private List<String> names = List.of();
    private int width;

    private Table(Path file) {
      this.file = file;
    }

    static Table read(Path file, @Nullable Column filter, String text) throws IOException {
      long size = DataFiles.requireFile(file);
      if (size > MOST_BYTES) {
        throw new IOException(
            file + ": must have at most " + MOST_BYTES + " bytes but has " + size);
      }
      Table table = new Table(file);
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
}
