package org.diffusion4j.spark;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.Scaling;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Reads samples from the rows of a Dataset. */
interface RowReader extends Serializable {

  /** The shape of a sample. */
  long[] shape();

  /** The columns that the samples are sorted by. */
  List<Column> order();

  /** The columns that a row consists of. */
  List<Column> columns();

  /** The values of a row, which has {@link #columns}, in C order. */
  float[] values(Row row) throws IOException;

  static RowReader vectors(String[] names, double[] low, double[] high) {
    return new Vectors(names.clone(), low, high);
  }

  static RowReader images(StructType columns, int channels, int height, int width) {
    if ((channels != 1 && channels != 3) || height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "images must have 1 or 3 channels and a positive size but should have "
              + Arrays.toString(new int[] {channels, height, width}));
    }
    long[] shape = {channels, height, width};
    List<String> names = Arrays.asList(columns.fieldNames());
    if (names.contains("image")) {
      return new SparkImages(shape);
    }
    if (names.containsAll(List.of("path", "content"))) {
      return new ImageContents(shape);
    }
    throw new IllegalArgumentException(
        "images must have the column image, or path and content, but have " + names);
  }

  /** Numeric columns. */
  record Vectors(String[] names, double[] low, double[] high) implements RowReader {

    @Override
    public long[] shape() {
      return new long[] {names.length};
    }

    @Override
    public List<Column> order() {
      return columns();
    }

    @Override
    public List<Column> columns() {
      return Arrays.stream(names)
          .map(name -> functions.col(name).cast(DataTypes.DoubleType))
          .toList();
    }

    @Override
    public float[] values(Row row) {
      double[] values = new double[names.length];
      for (int i = 0; i < values.length; i++) {
        if (row.isNullAt(i)) {
          throw new IllegalArgumentException("column " + names[i] + " must not be null but was");
        }
        values[i] = row.getDouble(i);
        if (!Double.isFinite(values[i])) {
          throw new IllegalArgumentException(
              "column " + names[i] + " must be finite but was " + values[i]);
        }
      }
      return Scaling.of(low, high).apply(values);
    }
  }

  /** The contents of image files. */
  record ImageContents(long[] shape) implements RowReader {

    @Override
    public List<Column> order() {
      return List.of(functions.col("path"));
    }

    @Override
    public List<Column> columns() {
      return List.of(functions.col("path"), functions.col("content"));
    }

    @Override
    public float[] values(Row row) throws IOException {
      return decoded(row.getString(0), row.getAs(1), shape);
    }
  }

  /** Images as Spark's source reads them: bytes in the order blue, green, red, alpha. */
  record SparkImages(long[] shape) implements RowReader {

    private static final String[] FIELDS = {"origin", "height", "width", "nChannels", "data"};

    @Override
    public List<Column> order() {
      return List.of(functions.col("image.origin"));
    }

    @Override
    public List<Column> columns() {
      return Arrays.stream(FIELDS).map(name -> functions.col("image." + name)).toList();
    }

    @Override
    public float[] values(Row row) throws IOException {
      String origin = row.getString(0);
      int height = row.getInt(1);
      int width = row.getInt(2);
      int channels = row.getInt(3);
      byte[] data = row.getAs(4);
      if (channels != 1 && channels != 3 && channels != 4) {
        throw new IOException(origin + ": must have 1, 3 or 4 channels but has " + channels);
      }
      if (height < 1 || width < 1 || data.length != (long) height * width * channels) {
        throw new IOException(
            origin
                + ": must have height x width x channels bytes, "
                + List.of(height, width, channels)
                + ", but has "
                + data.length);
      }
      BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_ARGB);
      for (int i = 0; i < height * width; i++) {
        int at = i * channels;
        int alpha = channels == 4 ? data[at + 3] & 0xff : 0xff;
        int blue = data[at] & 0xff;
        int green = channels == 1 ? blue : data[at + 1] & 0xff;
        int red = channels == 1 ? blue : data[at + 2] & 0xff;
        image.setRGB(i % width, i / width, alpha << 24 | red << 16 | green << 8 | blue);
      }
      var png = new java.io.ByteArrayOutputStream();
      ImageIO.write(image, "png", png);
      return decoded(origin, png.toByteArray(), shape);
    }
  }

  /** Decodes and scales the content of an image file. */
  private static float[] decoded(String name, byte[] content, long[] shape) throws IOException {
    String file = name.substring(name.lastIndexOf('/') + 1);
    Path copy = Files.createTempFile("diffusion4j-", file.substring(file.lastIndexOf('.') + 1));
    try {
      Files.write(copy, content);
      try (INDArray image = ImageFiles.read(copy, shape);
          INDArray plain = image.dup('c')) {
        return plain.data().asFloat();
      }
    } catch (IOException e) {
      throw new IOException(name + ": " + e.getMessage(), e);
    } finally {
      Files.delete(copy);
    }
  }
}
