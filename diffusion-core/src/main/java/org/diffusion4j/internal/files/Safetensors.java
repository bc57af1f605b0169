package org.diffusion4j.internal.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.HostBytes;
import org.diffusion4j.internal.common.Backend;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An open safetensors file: tensors by name, as Hugging Face libraries store weights.
 *
 * <p>Opening reads and checks the header; {@link #read} reads a tensor directly into the array's
 * memory. An open file is thread-safe.
 *
 * <p>The types are F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL. A name that is not one of
 * {@link #names()} is refused with an {@link IllegalArgumentException} by every method.
 */
public final class Safetensors implements AutoCloseable {

  /** The memory for fewer bytes is not checked. */
  private static final int FEW_BYTES = 1 << 20;

  private final Path file;
  // Not memory-mapped: a mapped file that shrinks crashes the JVM; a read beyond its end does not.
  private final FileChannel channel;
  private final SafetensorsHeader header;

  private Safetensors(Path file, FileChannel channel, SafetensorsHeader header) {
    this.file = file;
    this.channel = channel;
    this.header = header;
  }

  /**
   * Opens a file and checks its header against the format and the size of the file.
   *
   * @throws ModelFormatException if the file is missing or damaged, or has an unsupported type
   * @throws IOException if the thread is interrupted
   */
  public static Safetensors open(Path file) throws IOException {
    FileChannel channel = ModelFiles.open(file);
    boolean opened = false;
    try {
      var result = new Safetensors(file, channel, SafetensorsHeader.read(file, channel));
      opened = true;
      return result;
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw ModelFiles.unreadable(file, e);
    } finally {
      if (!opened) {
        closeQuietly(channel);
      }
    }
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // The first error is more important.
    }
  }

  /** The names of the tensors, in the order of the file. */
  public Set<String> names() {
    return header.tensors.keySet();
  }

  /** The shape of a tensor; of length 0 for a scalar. */
  public long[] shape(String name) {
    return tensor(name).shape().clone();
  }

  /** The format's name of a tensor's element type, such as {@code "F32"}. */
  public String dtype(String name) {
    return tensor(name).type().name();
  }

  /** The metadata of the file. */
  public Map<String, String> metadata() {
    return header.metadata;
  }

  /**
   * Reads a tensor.
   *
   * @return a new array in C order: FLOAT for F32, F16 and BF16, DOUBLE for F64, LONG, INT, SHORT,
   *     BYTE for I64, I32, I16, I8, UBYTE for U8, BOOL for BOOL
   * @throws ModelFormatException if the data are invalid for the type, the file became shorter, or
   *     the tensor exceeds the available memory
   */
  public INDArray read(String name) throws IOException {
    SafetensorsHeader.Tensor tensor = tensor(name);
    Backend.start();
    DataType type = tensor.type().dataType;
    if (tensor.begin() == tensor.end()) {
      return Nd4j.create(isHalf(type) ? DataType.FLOAT : type, tensor.shape());
    }
    requireMemory(name, tensor);
    INDArray array = Nd4j.createUninitialized(type, tensor.shape());
    boolean done = false;
    try {
      HostBytes.fill(
          array,
          (chunk, at) -> {
            readFully(name, chunk, header.dataStart + tensor.begin() + at);
            if (type == DataType.BOOL) {
              requireBooleans(name, chunk.flip());
            }
          });
      done = !isHalf(type);
      return done ? array : array.castTo(DataType.FLOAT);
    } catch (ClosedByInterruptException e) {
      throw ModelFiles.unreadable(file, e);
    } finally {
      if (!done) {
        array.close();
      }
    }
  }

  private void requireMemory(String name, SafetensorsHeader.Tensor tensor)
      throws ModelFormatException {
    long length = tensor.end() - tensor.begin();
    if (length < FEW_BYTES) {
      return;
    }
    // Half-precision numbers are converted to floats; both arrays exist for a moment.
    long available = NativeMemory.available();
    long room = isHalf(tensor.type().dataType) ? available / 3 : available;
    if (length > room) {
      throw new ModelFormatException(
          file,
          "tensor \""
              + Shown.text(name)
              + "\": must have at most "
              + room
              + " bytes to fit into the memory that is left but has "
              + length);
    }
  }

  private void readFully(String name, ByteBuffer bytes, long start) throws IOException {
    while (bytes.hasRemaining()) {
      if (channel.read(bytes, start + bytes.position()) < 0) {
        throw new ModelFormatException(
            file,
            "ends at byte " + channel.size() + ", within tensor \"" + Shown.text(name) + "\"");
      }
    }
  }

  private static boolean isHalf(DataType type) {
    return type == DataType.FLOAT16 || type == DataType.BFLOAT16;
  }

  private void requireBooleans(String name, ByteBuffer chunk) throws ModelFormatException {
    while (chunk.hasRemaining()) {
      byte value = chunk.get();
      if (value != 0 && value != 1) {
        throw new ModelFormatException(
            file,
            "tensor \""
                + Shown.text(name)
                + "\": BOOL must be 0 or 1 but there is a "
                + (value & 0xff));
      }
    }
  }

  private SafetensorsHeader.Tensor tensor(String name) {
    SafetensorsHeader.@Nullable Tensor tensor = header.tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          file + ": there is no tensor \"" + Shown.text(name) + "\"");
    }
    return tensor;
  }

  /** Whether it was not closed; an interrupt of a reading thread closes it, too. */
  boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  /**
   * Writes a file; an existing one is replaced when the new one is complete. Equal tensors and
   * metadata give equal bytes. Tensors are ordered as in the Hugging Face library: by descending
   * width of the type, then by name.
   *
   * @param file the file; missing parent directories are created
   * @param tensors of type DOUBLE, FLOAT, HALF, BFLOAT16, LONG, INT, SHORT, BYTE, UBYTE or BOOL, of
   *     any shape, order and strides; an empty array without dimensions gets the shape [0]
   * @param metadata additional strings; PyTorch's loaders expect {@code format} to be {@code pt}
   * @throws IllegalArgumentException for a type, a name or metadata that the format does not
   *     support
   */
  public static void write(Path file, Map<String, INDArray> tensors, Map<String, String> metadata)
      throws IOException {
    write(file, tensors, metadata, DataType.FLOAT);
  }

  /**
   * The same with another type for the tensors of type FLOAT, which are converted one by one.
   *
   * @param floats FLOAT, HALF or BFLOAT16; a value beyond the range of 16 bits becomes infinite
   */
  static void write(
      Path file, Map<String, INDArray> tensors, Map<String, String> metadata, DataType floats)
      throws IOException {
    List<Map.Entry<String, INDArray>> sorted = sorted(tensors, floats);
    metadata.forEach(
        (key, value) -> {
          requireEncodable(key);
          requireEncodable(value);
        });
    var sortedMetadata = new TreeMap<String, String>(Json.CODE_POINT_ORDER);
    sortedMetadata.putAll(metadata);
    byte[] start = SafetensorsHeader.encode(layout(sorted, floats), sortedMetadata);
    AtomicFiles.writeFile(
        file,
        path -> {
          try (FileChannel out =
              FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            writeFully(out, ByteBuffer.wrap(start));
            for (Map.Entry<String, INDArray> tensor : sorted) {
              writeTensor(out, tensor.getValue(), stored(tensor.getValue(), floats).dataType);
            }
          }
        });
  }

  private static void writeTensor(FileChannel out, INDArray tensor, DataType type)
      throws IOException {
    if (tensor.dataType() == type) {
      HostBytes.take(tensor, (chunk, at) -> writeFully(out, chunk));
      return;
    }
    try (INDArray converted = Detached.get(() -> tensor.castTo(type))) {
      HostBytes.take(converted, (chunk, at) -> writeFully(out, chunk));
    }
  }

  /** The type of an array in the file. */
  private static TensorType stored(INDArray array, DataType floats) {
    DataType type = array.dataType();
    return TensorType.of(type == DataType.FLOAT ? floats : type);
  }

  private static List<Map.Entry<String, INDArray>> sorted(
      Map<String, INDArray> tensors, DataType floats) {
    Comparator<Map.Entry<String, INDArray>> byType =
        Comparator.comparing(e -> stored(e.getValue(), floats), Comparator.reverseOrder());
    return tensors.entrySet().stream()
        .sorted(byType.thenComparing(Map.Entry::getKey, Json.CODE_POINT_ORDER))
        .toList();
  }

  private static Map<String, SafetensorsHeader.Tensor> layout(
      List<Map.Entry<String, INDArray>> tensors, DataType floats) {
    var layout = new LinkedHashMap<String, SafetensorsHeader.Tensor>();
    long end = 0;
    for (Map.Entry<String, INDArray> entry : tensors) {
      String name = requireEncodable(entry.getKey());
      if (name.equals(SafetensorsHeader.METADATA)) {
        throw new IllegalArgumentException("name of a tensor must not be " + name);
      }
      INDArray array = entry.getValue();
      TensorType type = stored(array, floats);
      long begin = end;
      end = begin + (array.isEmpty() ? 0 : array.length() * type.width);
      // In ND4J an array without dimensions can be empty; a tensor without dimensions has one
      // element.
      long[] shape = array.isEmpty() && array.rank() == 0 ? new long[] {0} : array.shape();
      layout.put(name, new SafetensorsHeader.Tensor(type, shape, begin, end));
    }
    return layout;
  }

  private static String requireEncodable(String text) {
    if (!SafetensorsHeader.isEncodable(text)) {
      throw new IllegalArgumentException(
          "names and metadata must be valid Unicode but one was " + Shown.text(text));
    }
    return text;
  }

  private static void writeFully(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
