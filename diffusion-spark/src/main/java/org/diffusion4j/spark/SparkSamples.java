package org.diffusion4j.spark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.data.Scaling;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;

/**
 * Training data in a shared folder, made of a Dataset: samples of one size, each of which any
 * executor reads by its number. The numbers depend only on the rows, not on their order or their
 * partitions: images are sorted by file name, vectors by their values.
 *
 * <pre>{@code
 * SparkSamples digits =
 *     SparkSamples.images(spark.read().format("image").load("hdfs:///digits"), 1, 28, 28)
 *         .store("hdfs:///prepared/digits");
 * }</pre>
 */
public final class SparkSamples {

  private final StoredSamples.Layout layout;
  private final SharedFolder folder;

  private SparkSamples(SharedFolder folder, StoredSamples.Layout layout) {
    this.folder = folder;
    this.layout = layout;
  }

  /**
   * Images as Spark reads them, in the column {@code image}, or of binary files (columns {@code
   * path} and {@code content}), scaled to one size as {@link org.diffusion4j.data.ImageFiles#read}
   * does.
   *
   * @param images with these columns, and perhaps one for labels
   * @param channels 1 or 3
   * @param height in pixels
   * @param width in pixels
   */
  public static Prepared images(Dataset<Row> images, int channels, int height, int width) {
    return new Prepared(images, RowReader.images(images.schema(), channels, height, width));
  }

  /**
   * Vectors of numeric columns, each scaled to [-1, 1] by its smallest and greatest value: what
   * {@link SampleSource#ofVectors(double[][])} has for the same rows.
   *
   * @param rows with these columns, and perhaps one for labels; numbers must be finite
   * @param columns at least one
   */
  public static Prepared vectors(Dataset<Row> rows, String... columns) {
    if (columns.length == 0) {
      throw new IllegalArgumentException("columns must be at least 1 but were 0");
    }
    Stream<Column> ends =
        Arrays.stream(columns)
            .flatMap(
                name -> {
                  Column number = functions.col(name).cast(DataTypes.DoubleType);
                  return Stream.of(functions.min(number), functions.max(number));
                });
    Row found = rows.select(ends.toArray(Column[]::new)).first();
    double[] low = new double[columns.length];
    double[] high = new double[columns.length];
    for (int i = 0; i < columns.length; i++) {
      if (found.isNullAt(2 * i)) {
        throw new IllegalArgumentException("column " + columns[i] + " must have numbers");
      }
      low[i] = found.getDouble(2 * i);
      high[i] = found.getDouble(2 * i + 1);
    }
    Scaling.of(low, high);
    return new Prepared(rows, RowReader.vectors(columns, low, high));
  }

  /**
   * Data that were stored before.
   *
   * @param folder as given to {@link Prepared#store}
   * @throws IOException if there are none
   */
  public static SparkSamples open(SparkSession spark, String folder) throws IOException {
    SharedFolder shared = SharedFolder.of(spark, folder);
    return new SparkSamples(shared, StoredSamples.Layout.read(shared));
  }

  /** The number of samples. */
  public int size() {
    return layout.size();
  }

  /** The shape of a sample, in a new array. */
  public long[] sampleShape() {
    return layout.shape().clone();
  }

  /** The class names; empty if the samples have no labels. */
  public List<String> classNames() {
    return layout.classNames();
  }

  /**
   * The samples for this process, which reads each when it is asked for.
   *
   * @throws IOException if they cannot be opened
   */
  public SampleSource source() throws IOException {
    return StoredSamples.open(folder, layout);
  }

  SharedFolder folder() {
    return folder;
  }

  StoredSamples.Layout layout() {
    return layout;
  }

  @Override
  public String toString() {
    return "SparkSamples[" + folder + ", " + layout.described() + "]";
  }

  /** Rows that can be stored as samples. Immutable. */
  public static final class Prepared {

    private final Dataset<Row> rows;
    private final RowReader reader;
    private final @Nullable String labels;

    private Prepared(Dataset<Row> rows, RowReader reader) {
      this(rows, reader, null);
    }

    private Prepared(Dataset<Row> rows, RowReader reader, @Nullable String labels) {
      this.rows = rows;
      this.reader = reader;
      this.labels = labels;
    }

    /**
     * A copy with the labels of a column. Classes are its distinct values, in their order; a null
     * is a sample without a label.
     *
     * @param column of texts or whole numbers
     */
    public Prepared withLabels(String column) {
      return new Prepared(rows, reader, Objects.requireNonNull(column, "column"));
    }

    /**
     * Writes the samples. What was stored in the folder before is replaced.
     *
     * @param folder in any Hadoop file system that all executors reach; created if missing
     * @throws IOException if the folder cannot be written
     */
    public SparkSamples store(String folder) throws IOException {
      SharedFolder target = SharedFolder.of(rows.sparkSession(), folder);
      List<String> classes = classes();
      target.create();
      for (String name : target.list()) {
        if (StoredSamples.isOurs(name)) {
          target.delete(name);
        }
      }
      Column label =
          labels == null
              ? functions.lit(null).cast(DataTypes.StringType)
              : functions.col(labels).cast(DataTypes.StringType);
      List<Column> order = new ArrayList<>(reader.order());
      order.add(label);
      List<Column> columns = new ArrayList<>(reader.columns());
      columns.add(label);
      JavaRDD<Row> sorted =
          rows.sort(order.toArray(Column[]::new)).select(columns.toArray(Column[]::new)).javaRDD();
      RowReader read = reader;
      Function2<Integer, Iterator<Tuple2<Row, Long>>, Iterator<StoredSamples.Part>> write =
          (part, numbered) -> StoredSamples.write(target, part, read, classes, numbered);
      List<StoredSamples.Part> parts =
          new ArrayList<>(sorted.zipWithIndex().mapPartitionsWithIndex(write, false).collect());
      parts.sort(Comparator.comparing(StoredSamples.Part::first));
      target.deleteUnfinished();
      StoredSamples.Layout layout = new StoredSamples.Layout(reader.shape(), classes, parts);
      layout.write(target);
      return new SparkSamples(target, layout);
    }

    private List<String> classes() {
      if (labels == null) {
        return List.of();
      }
      List<String> names =
          rows
              .select(functions.col(labels))
              .filter(functions.col(labels).isNotNull())
              .distinct()
              .sort(functions.col(labels))
              .select(functions.col(labels).cast(DataTypes.StringType))
              .collectAsList()
              .stream()
              .map(row -> row.getString(0))
              .toList();
      if (names.isEmpty()) {
        throw new IllegalArgumentException("column " + labels + " must have labels but has none");
      }
      return names;
    }
  }
}
