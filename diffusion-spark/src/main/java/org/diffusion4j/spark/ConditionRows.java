package org.diffusion4j.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The indices and the conditions of a batch of samples, as rows. */
final class ConditionRows {

  static final String INDEX = "index";
  static final String SEED = "seed";
  static final String LABEL = "label";
  static final String EMBEDDING = "embedding";

  private final List<Row> rows;

  private ConditionRows(List<Row> rows) {
    this.rows = rows;
  }

  /**
   * Checks the columns of conditions: {@code index}, and perhaps {@code label} or {@code
   * embedding}.
   */
  static void require(StructType columns) {
    List<String> names = Arrays.asList(columns.fieldNames());
    if (!names.contains(INDEX)) {
      throw new IllegalArgumentException(
          "conditions must have a column named index but have " + names);
    }
    Map.of(
            INDEX, List.of(DataTypes.IntegerType, DataTypes.LongType),
            LABEL, List.of(DataTypes.IntegerType),
            EMBEDDING,
                List.of(
                    DataTypes.createArrayType(DataTypes.FloatType, true),
                    DataTypes.createArrayType(DataTypes.FloatType, false)))
        .forEach((name, types) -> requireType(columns, name, types));
  }

  private static void requireType(StructType columns, String name, List<? extends DataType> types) {
    for (StructField field : columns.fields()) {
      if (field.name().equals(name) && !types.contains(field.dataType())) {
        throw new IllegalArgumentException(
            "column "
                + name
                + " must be "
                + types.get(0).catalogString()
                + " but was "
                + field.dataType().catalogString());
      }
    }
  }

  /** The columns of samples. */
  static StructType schema(SampleForm form) {
    return new StructType()
        .add(INDEX, DataTypes.LongType, false)
        .add(SEED, DataTypes.LongType, false)
        .add(LABEL, DataTypes.IntegerType, true)
        .add(form.column(), form.type(), false);
  }

  /** The next rows, at most a number of them. */
  static ConditionRows next(Iterator<Row> from, int most) {
    List<Row> rows = new ArrayList<>();
    while (rows.size() < most && from.hasNext()) {
      rows.add(from.next());
    }
    return new ConditionRows(rows);
  }

  int size() {
    return rows.size();
  }

  /**
   * The index of each sample.
   *
   * @throws IllegalArgumentException if one is missing or negative or too large
   */
  int[] indices() {
    return rows.stream().mapToInt(ConditionRows::index).toArray();
  }

  private static int index(Row row) {
    Number index = row.getAs(INDEX);
    if (index == null || index.longValue() < 0 || index.longValue() > Integer.MAX_VALUE - 1) {
      throw new IllegalArgumentException("index must be in [0, 2^31 - 2] but was " + index);
    }
    return index.intValue();
  }

  private static @Nullable Integer label(Row row) {
    return has(row, LABEL) ? row.getAs(LABEL) : null;
  }

  private static boolean has(Row row, String column) {
    return Arrays.asList(row.schema().fieldNames()).contains(column);
  }

  /**
   * What the samples should show; an array of embeddings belongs to the caller.
   *
   * @throws IllegalArgumentException if an embedding is missing, or if they differ in length
   */
  Condition condition(Denoiser network) {
    Row first = rows.get(0);
    Condition labels = has(first, LABEL) ? labels(network) : Condition.none();
    return has(first, EMBEDDING)
        ? Condition.several(labels, Condition.embeddings(embeddings()))
        : labels;
  }

  private Condition labels(Denoiser network) {
    int[] labels =
        rows.stream()
            .map(ConditionRows::label)
            .mapToInt(label -> label == null ? Condition.UNLABELLED : label)
            .toArray();
    boolean none = Arrays.stream(labels).allMatch(label -> label == Condition.UNLABELLED);
    return none && network.takes().classes() == 0 ? Condition.none() : Condition.labels(labels);
  }

  private INDArray embeddings() {
    float[][][] tokens = new float[rows.size()][1][];
    for (int i = 0; i < tokens.length; i++) {
      List<Float> values =
          rows.get(i).isNullAt(rows.get(i).fieldIndex(EMBEDDING))
              ? List.of()
              : rows.get(i).getList(rows.get(i).fieldIndex(EMBEDDING));
      tokens[i][0] = new float[values.size()];
      if (values.isEmpty() || values.size() != tokens[0][0].length) {
        throw new IllegalArgumentException(
            "embeddings must be of one length, at least 1, but sample "
                + index(rows.get(i))
                + " has "
                + values.size()
                + " values");
      }
      for (int k = 0; k < values.size(); k++) {
        tokens[i][0][k] = values.get(k);
      }
    }
    return Nd4j.create(tokens);
  }

  /**
   * A row of a sample.
   *
   * @param sample in its form
   */
  Row row(int i, long seed, Object sample) {
    Row condition = rows.get(i);
    return RowFactory.create((long) index(condition), seed, label(condition), sample);
  }

  /** A type of arrays of numbers. */
  static ArrayType floats() {
    return DataTypes.createArrayType(DataTypes.FloatType, false);
  }
}
