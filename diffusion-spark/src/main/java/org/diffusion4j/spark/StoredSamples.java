package org.diffusion4j.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.spark.sql.Row;
import org.diffusion4j.Condition;
import org.diffusion4j.data.SampleSource;
import scala.Tuple2;

/**
 * Samples in a shared folder. Each part has two files: {@code part-00000.values} with the values of
 * its samples as floats, and {@code part-00000.labels} with their classes as integers, both little
 * endian. {@code samples.txt} describes them.
 */
final class StoredSamples implements SampleSource, AutoCloseable {

  private static final String DESCRIPTION = "samples.txt";
  private static final String VALUES = ".values";
  private static final String LABELS = ".labels";

  private final Layout layout;
  private final int[] labels;
  private final List<FSDataInputStream> parts = new ArrayList<>();

  /**
   * A part of the samples.
   *
   * @param number in the names of its files
   * @param first number of its first sample
   * @param size number of samples
   * @param checksum of the samples and their numbers; the sum of all does not depend on the parts
   */
  record Part(int number, long first, int size, long checksum) implements Serializable {

    @java.io.Serial private static final long serialVersionUID = 1;

    String file(String kind) {
      return String.format(Locale.ROOT, "part-%05d%s", number, kind);
    }
  }

  /**
   * The description of stored samples.
   *
   * @param shape of a sample
   * @param classNames empty if there are no labels
   * @param parts in the order of the samples
   */
  record Layout(long[] shape, List<String> classNames, List<Part> parts) implements Serializable {

    @java.io.Serial private static final long serialVersionUID = 1;

    Layout {
      classNames = List.copyOf(classNames);
      parts = List.copyOf(parts);
      long size = parts.stream().mapToLong(Part::size).sum();
      if (size < 1 || size > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "samples must be at least 1 and less than 2^31 but were " + size);
      }
    }

    int size() {
      return parts.stream().mapToInt(Part::size).sum();
    }

    int length() {
      return (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    String described() {
      return size()
          + " x "
          + Arrays.toString(shape)
          + (classNames.isEmpty() ? "" : ", " + classNames.size() + " classes")
          + ", checksum "
          + Long.toHexString(parts.stream().mapToLong(Part::checksum).sum());
    }

    /** Written last: without it there are no samples. */
    void write(SharedFolder folder) throws IOException {
      List<String> lines = new ArrayList<>();
      lines.add(join(Arrays.stream(shape).boxed().toList()));
      lines.add(Integer.toString(classNames.size()));
      classNames.forEach(name -> lines.add(name.replace("\\", "\\\\").replace("\n", "\\n")));
      for (Part part : parts) {
        lines.add(join(List.of(part.number, part.first, part.size, part.checksum)));
      }
      folder.write(DESCRIPTION, out -> out.write(String.join("\n", lines).getBytes(UTF_8)));
    }

    private static String join(List<?> numbers) {
      return String.join(" ", numbers.stream().map(String::valueOf).toList());
    }

    static Layout read(SharedFolder folder) throws IOException {
      if (!folder.exists(DESCRIPTION)) {
        throw new IOException(folder + ": must have stored samples but has no " + DESCRIPTION);
      }
      List<String> lines = new String(folder.read(DESCRIPTION), UTF_8).lines().toList();
      try {
        long[] shape = Arrays.stream(lines.get(0).split(" ")).mapToLong(Long::parseLong).toArray();
        int classes = Integer.parseInt(lines.get(1));
        List<String> names =
            lines.subList(2, 2 + classes).stream()
                .map(name -> name.replace("\\n", "\n").replace("\\\\", "\\"))
                .toList();
        List<Part> parts = new ArrayList<>();
        for (String line : lines.subList(2 + classes, lines.size())) {
          String[] words = line.split(" ", -1);
          parts.add(
              new Part(
                  Integer.parseInt(words[0]),
                  Long.parseLong(words[1]),
                  Integer.parseInt(words[2]),
                  Long.parseLong(words[3])));
        }
        return new Layout(shape, names, parts);
      } catch (RuntimeException e) {
        throw new IOException(folder + "/" + DESCRIPTION + ": cannot be read: " + e, e);
      }
    }
  }

  private StoredSamples(Layout layout, int[] labels) {
    this.layout = layout;
    this.labels = labels;
  }

  /** Whether a file of a folder belongs to stored samples. */
  static boolean isOurs(String name) {
    return name.equals(DESCRIPTION) || name.matches("part-\\d{5,}\\.(values|labels)");
  }

  /**
   * Writes a part.
   *
   * @param rows with the columns of the reader and a label, and their numbers
   * @return the part, unless there are no rows
   */
  static Iterator<Part> write(
      SharedFolder folder,
      int number,
      RowReader reader,
      List<String> classes,
      Iterator<Tuple2<Row, Long>> rows)
      throws IOException {
    if (!rows.hasNext()) {
      return List.<Part>of().iterator();
    }
    Part name = new Part(number, 0, 0, 0);
    List<Integer> labels = new ArrayList<>();
    long[] firstAndSum = {-1, 0};
    folder.write(
        name.file(VALUES),
        out -> {
          while (rows.hasNext()) {
            Tuple2<Row, Long> numbered = rows.next();
            Row row = numbered._1();
            float[] values = reader.values(row);
            byte[] bytes = littleEndian(values);
            out.write(bytes);
            int column = row.size() - 1;
            int label =
                row.isNullAt(column)
                    ? Condition.UNLABELLED
                    : classes.indexOf(row.getString(column));
            labels.add(label);
            firstAndSum[0] = firstAndSum[0] < 0 ? numbered._2() : firstAndSum[0];
            firstAndSum[1] += checksum(numbered._2(), label, bytes);
          }
        });
    if (!classes.isEmpty()) {
      folder.write(name.file(LABELS), out -> writeLabels(out, labels));
    }
    return List.of(new Part(number, firstAndSum[0], labels.size(), firstAndSum[1])).iterator();
  }

  private static void writeLabels(DataOutputStream out, List<Integer> labels) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(labels.size() * Integer.BYTES);
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    labels.forEach(bytes::putInt);
    out.write(bytes.array());
  }

  private static byte[] littleEndian(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES);
    bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
    return bytes.array();
  }

  private static long checksum(long number, int label, byte[] values) {
    CRC32C crc = new CRC32C();
    crc.update(ByteBuffer.allocate(12).putLong(number).putInt(label).flip());
    crc.update(values);
    return crc.getValue();
  }

  /** Opens stored samples. */
  static StoredSamples open(SharedFolder folder, Layout layout) throws IOException {
    int[] labels = new int[layout.classNames.isEmpty() ? 0 : layout.size()];
    StoredSamples samples = new StoredSamples(layout, labels);
    boolean done = false;
    try {
      for (Part part : layout.parts) {
        samples.parts.add(folder.open(part.file(VALUES)));
        if (labels.length > 0) {
          byte[] read = folder.read(part.file(LABELS));
          ByteBuffer.wrap(read)
              .order(ByteOrder.LITTLE_ENDIAN)
              .asIntBuffer()
              .get(labels, Math.toIntExact(part.first), part.size);
        }
      }
      done = true;
      return samples;
    } finally {
      if (!done) {
        samples.close();
      }
    }
  }

  @Override
  public int size() {
    return layout.size();
  }

  @Override
  public long[] sampleShape() {
    return layout.shape.clone();
  }

  @Override
  public void read(int index, float[] into) throws IOException {
    Objects.checkIndex(index, size());
    if (into.length != layout.length()) {
      throw new IllegalArgumentException(
          "array must have the " + layout.length() + " values of a sample but has " + into.length);
    }
    int part = part(index);
    byte[] bytes = new byte[into.length * Float.BYTES];
    long position = (index - layout.parts.get(part).first) * bytes.length;
    parts.get(part).readFully(position, bytes);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(into);
  }

  /** The last part that does not begin after a sample. */
  private int part(int index) {
    int low = 0;
    int high = layout.parts.size() - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (layout.parts.get(middle).first <= index) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  @Override
  public int label(int index) {
    Objects.checkIndex(index, size());
    if (labels.length == 0) {
      throw new IllegalStateException("samples have no labels");
    }
    return labels[index];
  }

  @Override
  public List<String> classNames() {
    return layout.classNames;
  }

  @Override
  public String description() {
    return "StoredSamples[" + layout.described() + "]";
  }

  @Override
  public String toString() {
    return description();
  }

  @Override
  public void close() {
    for (FSDataInputStream part : parts) {
      try {
        part.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
