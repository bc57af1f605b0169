package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.diffusion4j.data.DelimitedTable.Column;
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

  /** {@inheritDoc} The checksum is of all scaled values and labels. */
  @Override
  public String description() {
    return samples.description();
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
      DelimitedTable table = DelimitedTable.read(file, filter, filterText);
      int labelIndex = label == null ? -1 : table.index(label);
      int filterIndex = filter == null ? -1 : table.index(filter);
      int[] chosen = new int[columns.size()];
      for (int i = 0; i < chosen.length; i++) {
        chosen[i] = table.index(columns.get(i));
      }
      if (chosen.length == 0) {
        chosen =
            IntStream.range(0, table.width())
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
}
