package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.diffusion4j.data.DelimitedTable.Column;
import org.diffusion4j.data.DelimitedTable.Format;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Vectors from a text table (CSV, TSV): one vector per row, each column scaled to [-1, 1].
 *
 * <p>The text is UTF-8, or UTF-16 with a byte order mark. The separator is the first of tab,
 * semicolon and comma that occurs in the first row, otherwise white space. Cells in double quotes
 * can contain separators and line breaks. A first row without numbers is read as column names, one
 * with numbers as data, which is logged; {@link Builder#header} overrides this. Blank lines and
 * lines that start with {@code #} are skipped. Columns are selected by index from 0 or by name; by
 * default all columns with numbers are used, and the others are named in the log. The data are held
 * in memory.
 *
 * <pre>{@code
 * DelimitedVectors.of(Path.of("datasaurus.tsv")).where("dataset", "dino").read();
 * }</pre>
 */
public final class DelimitedVectors implements SampleSource {

  private static final Logger log = LoggerFactory.getLogger(DelimitedVectors.class);

  private final Path file;
  private final InMemorySamples samples;
  private final Scaling scaling;
  private final List<String> columnNames;
  private final Map<String, Integer> classLines;

  private DelimitedVectors(
      Path file,
      InMemorySamples samples,
      Scaling scaling,
      List<String> columnNames,
      Map<String, Integer> classLines) {
    this.file = file;
    this.samples = samples;
    this.scaling = scaling;
    this.columnNames = columnNames;
    this.classLines = classLines;
  }

  /** A builder for reading a file; by default all numeric columns, without labels. */
  public static Builder of(Path file) {
    return new Builder(file);
  }

  /** The scaling of the columns; {@link Scaling#invert} converts samples back to their units. */
  public Scaling scaling() {
    return scaling;
  }

  /**
   * Writes samples as comma-separated values in original units, after the names of the columns if
   * this file has names. {@link Builder#keepDecimals} writes numbers that look like the data:
   * within the range of their column and with as many decimals.
   *
   * @param target the file to write; it is replaced
   * @param samples {@code [n, features]}, scaled as the vectors of this source
   * @throws IllegalArgumentException if the samples have another shape
   * @throws IOException if the file cannot be written; an earlier one is unchanged then
   */
  public void write(Path target, INDArray samples) throws IOException {
    try (INDArray rows = scaling.invert(samples)) {
      CommaSeparated.write(target, columnNames, rows);
    }
  }

  /**
   * A copy with these classes in this order, for example those of another file, or more than this
   * file has.
   *
   * <pre>{@code
   * DelimitedVectors held = DelimitedVectors.of(file).label("k").scaling(train.scaling()).read()
   *     .withClassNames(train.classNames());
   * }</pre>
   *
   * @throws IllegalArgumentException if a class is not among them; the message names it and its
   *     first line
   * @throws IllegalStateException if the vectors have no labels
   */
  public DelimitedVectors withClassNames(List<String> names) {
    if (classNames().isEmpty()) {
      throw new IllegalStateException(
          "rows of " + DataFiles.show(file) + " have no labels; label(...) selects their column");
    }
    int[] labels =
        ClassNames.relabel(
            IntStream.range(0, size()).map(this::label).toArray(),
            classNames(),
            names,
            name -> DataFiles.show(file) + ": line " + classLines.get(name));
    return new DelimitedVectors(
        file, samples.withLabels(labels, List.copyOf(names)), scaling, columnNames, classLines);
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

  /** {@inheritDoc} The checksum covers all scaled values and labels. */
  @Override
  public String description() {
    return samples.description();
  }

  @Override
  public String toString() {
    return "DelimitedVectors[" + file.getFileName() + ", " + Samples.describe(this) + "]";
  }

  /** Builds the settings for reading a file. */
  public static final class Builder {

    private final Path file;
    private List<Column> columns = List.of();
    private @Nullable Column label;
    private @Nullable Column filter;
    private String filterText = "";
    private @Nullable Scaling scaling;
    private @Nullable Boolean header;
    private boolean decimalComma;
    private boolean skipIncomplete;
    private boolean keepDecimals;
    private boolean commonScale;

    private Builder(Path file) {
      this.file = file;
    }

    /** Uses the columns with these indices, in this order, instead of all numeric ones. */
    public Builder columns(int... indices) {
      columns = Arrays.stream(indices).mapToObj(Column::of).toList();
      return this;
    }

    /** Uses the columns with these names, in this order, instead of all numeric ones. */
    public Builder columns(String... names) {
      columns = Arrays.stream(names).map(Column::of).toList();
      return this;
    }

    /**
     * Uses the texts of a column as classes, in numeric order if all are whole numbers, otherwise
     * as text.
     */
    public Builder label(int index) {
      label = Column.of(index);
      return this;
    }

    /**
     * Uses the texts of a column as classes.
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
     * Sets the scaling; by default it uses the smallest and greatest value of each column. Values
     * outside its ranges are scaled to values outside [-1, 1].
     */
    public Builder scaling(Scaling scaling) {
      this.scaling = scaling;
      return this;
    }

    /**
     * Sets whether the first row has the column names, even if they are numbers such as years. By
     * default a first row without numbers is read as names.
     */
    public Builder header(boolean header) {
      this.header = header;
      return this;
    }

    /** Reads commas as decimal points; cells are then separated by semicolons, tabs or spaces. */
    public Builder decimalComma() {
      decimalComma = true;
      return this;
    }

    /**
     * Skips rows in which a selected column or the label is empty, {@code NA}, {@code N/A}, {@code
     * NaN} or {@code null}, and logs their number. By default such a row is refused.
     */
    public Builder skipIncompleteRows() {
      skipIncomplete = true;
      return this;
    }

    /**
     * Makes {@link Scaling#invert} of {@link #scaling()} round each column to the number of
     * decimals of its values (whole numbers stay whole) and clamp it to its range.
     *
     * @see Scaling#withDecimals
     */
    public Builder keepDecimals() {
      keepDecimals = true;
      return this;
    }

    /**
     * Scales all columns by the same range, from the smallest of all values to the greatest: for
     * rows that are series, whose shape is to be kept. A {@link #scaling} takes precedence.
     */
    public Builder commonScale() {
      commonScale = true;
      return this;
    }

    /**
     * Reads the file.
     *
     * @throws IOException naming the file, and the line where there is one, if the file is missing,
     *     not a regular file, empty, larger than 1 GiB or than the heap, if a column is missing or
     *     there is no row, if a row has more or fewer cells than the first, if a quote is not
     *     closed, or if a cell of a selected column is not a finite number
     */
    public DelimitedVectors read() throws IOException {
      try {
        return read(
            DelimitedTable.read(file, new Format(header, decimalComma, filter, filterText)));
      } catch (OutOfMemoryError e) {
        throw DataFiles.tooLarge(file, e);
      }
    }

    private DelimitedVectors read(DelimitedTable table) throws IOException {
      int labelIndex = label == null ? -1 : table.index(label);
      int[] chosen = columns.isEmpty() ? numeric(table, labelIndex) : chosen(table);
      logFirstRow(table);
      if (skipIncomplete) {
        int left =
            table.leaveOutIncomplete(
                IntStream.concat(Arrays.stream(chosen), IntStream.of(labelIndex))
                    .filter(c -> c >= 0)
                    .toArray());
        if (left > 0) {
          log.warn("{}: {} incomplete rows were skipped", DataFiles.show(file), left);
        }
      }
      double[][] rows = table.numbers(chosen);
      Scaling used;
      InMemorySamples samples;
      try {
        used = scaling == null ? Scaling.fit(rows, commonScale) : scaling;
        samples = InMemorySamples.ofVectors(rows, used);
      } catch (IllegalArgumentException e) {
        throw new IOException(DataFiles.show(file) + ": " + e.getMessage(), e);
      }
      used = keepDecimals ? used.withDecimals(Scaling.decimals(rows)) : used;
      List<String> names = table.names(chosen);
      return labelIndex < 0
          ? new DelimitedVectors(file, samples, used, names, Map.of())
          : labelled(samples, used, names, table, labelIndex);
    }

    private DelimitedVectors labelled(
        InMemorySamples samples,
        Scaling used,
        List<String> names,
        DelimitedTable table,
        int column) {
      List<String> texts = table.texts(column);
      List<String> classes = ClassNames.sorted(texts);
      Map<String, Integer> indices = ClassNames.indices(classes);
      log.info("{}: classes {}", DataFiles.show(file), ClassNames.show(classes));
      return new DelimitedVectors(
          file,
          samples.withLabels(texts.stream().mapToInt(indices::get).toArray(), classes),
          used,
          names,
          table.firstLines(column));
    }

    private int[] chosen(DelimitedTable table) throws IOException {
      int[] chosen = new int[columns.size()];
      for (int i = 0; i < chosen.length; i++) {
        chosen[i] = table.index(columns.get(i));
      }
      return chosen;
    }

    private int[] numeric(DelimitedTable table, int labelIndex) throws IOException {
      int filterIndex = filter == null ? -1 : table.index(filter);
      Map<Boolean, List<Integer>> numeric =
          IntStream.range(0, table.width())
              .filter(c -> c != labelIndex && c != filterIndex)
              .boxed()
              .collect(Collectors.partitioningBy(table::isNumeric));
      List<Integer> taken = numeric.getOrDefault(true, List.of());
      List<Integer> left = numeric.getOrDefault(false, List.of());
      String commas =
          left.isEmpty() || !table.hasDecimalCommas()
              ? ""
              : "; decimalComma() reads numbers such as 1,5";
      if (taken.isEmpty()) {
        throw new IOException(DataFiles.show(file) + ": has no column of numbers" + commas);
      }
      if (!left.isEmpty()) {
        log.warn(
            "{}: columns without a number were skipped: {}{}",
            DataFiles.show(file),
            Shown.list(left.stream().map(table::columnName).toList()),
            commas);
      }
      return taken.stream().mapToInt(Integer::intValue).toArray();
    }

    private void logFirstRow(DelimitedTable table) {
      String numbers = table.numbersInFirstRow();
      if (numbers == null) {
        return;
      }
      String message = "{}: the first row was read as data: {}; header(true) reads it as names";
      if (table.firstRowCounts()) {
        log.warn(message, DataFiles.show(file), numbers);
      } else {
        log.info(message, DataFiles.show(file), numbers);
      }
    }
  }
}
