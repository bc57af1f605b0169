package org.diffusion4j.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.HostBytes;
import org.diffusion4j.internal.common.Backend;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Reads and writes NumPy's .npy files of little-endian numbers in C order: {@code f4}, {@code f8},
 * {@code i4}, {@code i8} and {@code u1}, that is FLOAT, DOUBLE, INT, LONG and UBYTE.
 */
public final class NpyFiles {

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int ALIGNMENT = 64;
  private static final int MOST_HEADER = 1 << 16;

  /** The limit of ND4J. */
  private static final int MAX_RANK = 32;

  private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([^']*)'");
  private static final Pattern ORDER = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
  private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([\\d,\\sL]*)\\)");

  private NpyFiles() {}

  /**
   * Writes an array, in version 1.0 of the format. The file appears whole or not at all, and
   * missing directories are made.
   *
   * @param file the file to write
   * @param array of any shape, strides and order, of type FLOAT, DOUBLE, INT, LONG or UBYTE, with
   *     less than 2^31 elements; an empty array without dimensions gets the shape [0]
   * @throws IllegalArgumentException if the type is different or there are more elements
   * @throws IOException if the file cannot be written
   */
  public static void write(Path file, INDArray array) throws IOException {
    String descr = descr(array.dataType());
    if (array.length() > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "array must have less than 2^31 elements but has " + array.length());
    }
    // In ND4J an array without dimensions can be empty; in NumPy it has one element.
    boolean nothing = array.isEmpty() && array.rank() == 0;
    byte[] header = header(descr, nothing ? new long[] {0} : array.shape());
    AtomicFiles.writeFile(
        file,
        path -> {
          try (FileChannel out =
              FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            writeFully(out, ByteBuffer.wrap(header));
            HostBytes.take(array, (chunk, at) -> writeFully(out, chunk));
          }
        });
  }

  private static String descr(DataType type) {
    return switch (type) {
      case FLOAT -> "<f4";
      case DOUBLE -> "<f8";
      case INT -> "<i4";
      case LONG -> "<i8";
      case UBYTE -> "|u1";
      default ->
          throw new IllegalArgumentException(
              "array type must be FLOAT, DOUBLE, INT, LONG or UBYTE but was " + type);
    };
  }

  private static byte[] header(String descr, long[] shape) {
    StringBuilder text = new StringBuilder("{'descr': '").append(descr);
    text.append("', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < shape.length; i++) {
      text.append(i == 0 ? "" : " ").append(shape[i]);
      text.append(i < shape.length - 1 || shape.length == 1 ? "," : "");
    }
    text.append("), }");
    int prefix = MAGIC.length + 4;
    while ((prefix + text.length() + 1) % ALIGNMENT != 0) {
      text.append(' ');
    }
    text.append('\n');
    return ByteBuffer.allocate(prefix + text.length())
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(MAGIC)
        .put((byte) 1)
        .put((byte) 0)
        .putShort((short) text.length())
        .put(text.toString().getBytes(StandardCharsets.US_ASCII))
        .array();
  }

  /**
   * Reads an array.
   *
   * @param file a file in version 1, 2 or 3 of the format
   * @return a new array of the file's shape and type
   * @throws IOException naming the file, if it is missing, empty, truncated, longer than its header
   *     says, not a .npy file, or of another type or order, or if it has more than 32 dimensions, 2
   *     GiB of data or more, or more data than available memory
   */
  public static INDArray read(Path file) throws IOException {
    long size = DataFiles.requireFile(file);
    try (InputStream in = Files.newInputStream(file)) {
      byte[] start = in.readNBytes(MAGIC.length + 2);
      if (start.length < MAGIC.length + 2
          || !Arrays.equals(MAGIC, Arrays.copyOf(start, MAGIC.length))) {
        throw new IOException(file + ": is not a .npy file");
      }
      int version = start[MAGIC.length];
      if (version < 1 || version > 3) {
        throw new IOException(file + ": version must be 1, 2 or 3 but is " + version);
      }
      int lengthBytes = version == 1 ? 2 : 4;
      long headerLength = readLength(file, in, lengthBytes);
      String header = new String(readExactly(file, in, (int) headerLength), StandardCharsets.UTF_8);
      String descr = find(file, DESCR, header, "descr");
      if (find(file, ORDER, header, "fortran_order").equals("True")) {
        throw new IOException(file + ": elements must be in C order but are in Fortran order");
      }
      long[] shape = shape(file, find(file, SHAPE, header, "shape"));
      DataType type = type(file, descr);
      long bytes = length(file, shape) * type.width();
      long present = size - start.length - lengthBytes - headerLength;
      if (bytes > Integer.MAX_VALUE - 8) {
        throw new IOException(file + ": must have less than 2 GiB of data but has " + bytes);
      }
      if (present != bytes) {
        throw new IOException(
            file
                + (present < bytes ? ": is truncated, " : ": has bytes after its data, ")
                + Arrays.toString(shape)
                + " needs "
                + bytes
                + " bytes but there are "
                + present);
      }
      return array(file, type, shape, bytes, Channels.newChannel(in));
    }
  }

  private static long readLength(Path file, InputStream in, int bytes) throws IOException {
    byte[] read = readExactly(file, in, bytes);
    long length = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      length = length << 8 | Byte.toUnsignedLong(read[i]);
    }
    if (length > MOST_HEADER) {
      throw new IOException(
          file + ": header must have at most " + MOST_HEADER + " bytes but has " + length);
    }
    return length;
  }

  private static byte[] readExactly(Path file, InputStream in, int length) throws IOException {
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new IOException(file + ": is truncated");
    }
    return bytes;
  }

  private static String find(Path file, Pattern pattern, String header, String key)
      throws IOException {
    Matcher matcher = pattern.matcher(header);
    if (!matcher.find()) {
      throw new IOException(
          file + ": header has no readable '" + key + "': " + Shown.text(header.strip()));
    }
    return matcher.group(1);
  }

  private static DataType type(Path file, String descr) throws IOException {
    return switch (descr) {
      case "<f4" -> DataType.FLOAT;
      case "<f8" -> DataType.DOUBLE;
      case "<i4" -> DataType.INT32;
      case "<i8" -> DataType.INT64;
      case "|u1", "<u1", "u1" -> DataType.UINT8;
      default ->
          throw new IOException(
              file + ": type must be <f4, <f8, <i4, <i8 or |u1 but is " + Shown.text(descr));
    };
  }

  private static long[] shape(Path file, String text) throws IOException {
    String dimensions = text.replace("L", "").strip();
    if (dimensions.isEmpty()) {
      return new long[0];
    }
    long[] shape;
    try {
      shape =
          Arrays.stream(dimensions.split(",", -1))
              .map(String::strip)
              .filter(dimension -> !dimension.isEmpty())
              .mapToLong(Long::parseLong)
              .toArray();
    } catch (NumberFormatException e) {
      throw new IOException(file + ": shape cannot be read: (" + Shown.text(text) + ")", e);
    }
    if (shape.length > MAX_RANK) {
      throw new IOException(
          file + ": must have at most " + MAX_RANK + " dimensions but has " + shape.length);
    }
    return shape;
  }

  private static long length(Path file, long[] shape) throws IOException {
    // The strides of an empty array must not overflow.
    long room = 1;
    boolean empty = false;
    for (long dimension : shape) {
      room = NativeMemory.product(room, Math.max(dimension, 1));
      empty |= dimension == 0;
    }
    if (room > Integer.MAX_VALUE) {
      throw new IOException(
          file
              + ": must have less than 2^31 elements but has shape "
              + Shown.text(Arrays.toString(shape)));
    }
    return empty ? 0 : room;
  }

  private static INDArray array(
      Path file, DataType type, long[] shape, long bytes, ReadableByteChannel in)
      throws IOException {
    Backend.start();
    if (bytes == 0) {
      return Nd4j.create(type, shape);
    }
    long available = NativeMemory.available();
    if (bytes > available) {
      throw new IOException(
          file
              + ": memory for the array must be at least "
              + NativeMemory.megabytes(bytes)
              + " but "
              + NativeMemory.megabytes(available)
              + " are available");
    }
    INDArray array = Nd4j.createUninitialized(type, shape);
    boolean done = false;
    try {
      HostBytes.fill(array, (chunk, at) -> readFully(file, in, chunk));
      done = true;
      return array;
    } finally {
      if (!done) {
        array.close();
      }
    }
  }

  private static void readFully(Path file, ReadableByteChannel in, ByteBuffer bytes)
      throws IOException {
    while (bytes.hasRemaining()) {
      if (in.read(bytes) < 0) {
        throw new IOException(file + ": is truncated");
      }
    }
  }

  private static void writeFully(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
