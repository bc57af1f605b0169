package org.diffusion4j.pretrained;

import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.internal.AtomicFiles;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An open safetensors file: tensors by name, as Hugging Face libraries store weights.
 *
 * <p>Opening reads and checks the header; {@link #read} reads one tensor, straight into the memory
 * of the array. An open file may be read by several threads.
 *
 * <p>The types are F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL. A name that is not one of
 * {@link #names()} is refused with an {@link IllegalArgumentException} by every method.
 */
public final class Safetensors implements AutoCloseable {

  private static final int CHUNK = 1 << 24;

  private final Path file;
  // Not mapped: a file that shrinks under a mapping ends the JVM, a read past its end does not.
  private final FileChannel channel;
  private final SafetensorsHeader header;

  private Safetensors(Path file, FileChannel channel, SafetensorsHeader header) {
    this.file = file;
    this.channel = channel;
    this.header = header;
  }

  /**
   * Opens a file and checks its whole header against the format and the size of the file.
   *
   * @throws ModelFormatException if the file is missing, damaged or holds an unsupported type
   */
  public static Safetensors open(Path file) throws ModelFormatException {
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
      // The error that made it close says more.
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

  /** The element type of a tensor as the format names it, such as {@code "F32"}. */
  public String dtype(String name) {
    return tensor(name).type().name();
  }

  /** The strings that the file holds beside its tensors. */
  public Map<String, String> metadata() {
    return header.metadata;
  }

  /**
   * Reads a tensor.
   *
   * @return a new array in C order: FLOAT for F32, F16 and BF16, DOUBLE for F64, LONG, INT, SHORT,
   *     BYTE for I64, I32, I16, I8, UBYTE for U8, BOOL for BOOL
   * @throws ModelFormatException if the data are not those of the type, the file became shorter or
   *     the tensor is larger than the memory that ND4J may use
   */
  public INDArray read(String name) throws IOException {
    SafetensorsHeader.Tensor tensor = tensor(name);
    DataType type = tensor.type().dataType;
    if (tensor.begin() == tensor.end()) {
      return Nd4j.create(isHalf(type) ? DataType.FLOAT : type, tensor.shape());
    }
    requireMemory(name, tensor);
    INDArray array = Nd4j.createUninitialized(type, tensor.shape());
    boolean done = false;
    try {
      Memory memory = Memory.of(array, tensor.end() - tensor.begin());
      for (long at = 0; at < memory.length(); at += CHUNK) {
        ByteBuffer chunk = memory.slice(at);
        readFully(name, chunk, header.dataStart + tensor.begin() + at);
        if (type == DataType.BOOL) {
          requireBooleans(name, chunk.flip());
        }
      }
      Nd4j.getAffinityManager().tagLocation(array, AffinityManager.Location.HOST);
      done = !isHalf(type);
      return done ? array : array.castTo(DataType.FLOAT);
    } finally {
      Reference.reachabilityFence(array);
      if (!done) {
        array.close();
      }
    }
  }

  /** ND4J ends the JVM when the system refuses it memory, so what cannot fit is not asked for. */
  private void requireMemory(String name, SafetensorsHeader.Tensor tensor)
      throws ModelFormatException {
    long length = tensor.end() - tensor.begin();
    long memory = Pointer.totalPhysicalBytes();
    if (Pointer.maxPhysicalBytes() > 0) {
      memory = Math.min(memory, Pointer.maxPhysicalBytes());
    }
    // Halves become floats: both are there for a moment.
    long room = isHalf(tensor.type().dataType) ? memory / 3 : memory;
    if (length > room) {
      throw new ModelFormatException(
          file,
          "tensor \""
              + ModelFiles.show(name)
              + "\": must have at most "
              + room
              + " bytes to fit into the memory that -Xmx or"
              + " -Dorg.bytedeco.javacpp.maxphysicalbytes allows but has "
              + length);
    }
  }

  private void readFully(String name, ByteBuffer bytes, long start) throws IOException {
    while (bytes.hasRemaining()) {
      if (channel.read(bytes, start + bytes.position()) < 0) {
        throw new ModelFormatException(
            file,
            "ends at byte " + channel.size() + ", within tensor \"" + ModelFiles.show(name) + "\"");
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
                + ModelFiles.show(name)
                + "\": BOOL must be 0 or 1 but there is a "
                + (value & 0xff));
      }
    }
  }

  private SafetensorsHeader.Tensor tensor(String name) {
    SafetensorsHeader.@Nullable Tensor tensor = header.tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(file + ": there is no tensor \"" + name + "\"");
    }
    return tensor;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  /**
   * Writes a file, replacing the one that may be there when the new one is whole. Equal tensors and
   * metadata give equal bytes; they are laid out as the Hugging Face library lays them out, by
   * descending width of the type, then by name.
   *
   * @param file missing parent directories are made
   * @param tensors of type DOUBLE, FLOAT, HALF, BFLOAT16, LONG, INT, SHORT, BYTE, UBYTE or BOOL, of
   *     any shape, order and strides
   * @param metadata strings beside the tensors; PyTorch's loaders expect {@code format} to be
   *     {@code pt}
   * @throws IllegalArgumentException for a type, a name or metadata that the format cannot hold
   */
  public static void write(Path file, Map<String, INDArray> tensors, Map<String, String> metadata)
      throws IOException {
    List<Map.Entry<String, INDArray>> sorted = sorted(tensors);
    metadata.forEach(
        (key, value) -> {
          requireEncodable(key);
          requireEncodable(value);
        });
    var sortedMetadata = new TreeMap<String, String>(Json.CODE_POINT_ORDER);
    sortedMetadata.putAll(metadata);
    byte[] start = SafetensorsHeader.encode(layout(sorted), sortedMetadata);
    AtomicFiles.writeFile(
        file,
        path -> {
          try (FileChannel out =
              FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            writeFully(out, ByteBuffer.wrap(start));
            for (Map.Entry<String, INDArray> tensor : sorted) {
              writeData(out, tensor.getValue());
            }
          }
        });
  }

  private static List<Map.Entry<String, INDArray>> sorted(Map<String, INDArray> tensors) {
    Comparator<Map.Entry<String, INDArray>> byType =
        Comparator.comparing(
            e -> TensorType.of(e.getValue().dataType()), Comparator.reverseOrder());
    return tensors.entrySet().stream()
        .sorted(byType.thenComparing(Map.Entry::getKey, Json.CODE_POINT_ORDER))
        .toList();
  }

  private static Map<String, SafetensorsHeader.Tensor> layout(
      List<Map.Entry<String, INDArray>> tensors) {
    var layout = new LinkedHashMap<String, SafetensorsHeader.Tensor>();
    long end = 0;
    for (Map.Entry<String, INDArray> entry : tensors) {
      String name = requireEncodable(entry.getKey());
      if (name.equals(SafetensorsHeader.METADATA)) {
        throw new IllegalArgumentException("name of a tensor must not be " + name);
      }
      INDArray array = entry.getValue();
      TensorType type = TensorType.of(array.dataType());
      long begin = end;
      end = begin + array.length() * type.width;
      layout.put(name, new SafetensorsHeader.Tensor(type, array.shape(), begin, end));
    }
    return layout;
  }

  private static String requireEncodable(String text) {
    if (!SafetensorsHeader.isEncodable(text)) {
      throw new IllegalArgumentException(
          "names and metadata must be valid Unicode but one was " + ModelFiles.show(text));
    }
    return text;
  }

  private static void writeData(FileChannel out, INDArray array) throws IOException {
    if (array.isEmpty()) {
      return;
    }
    INDArray rowMajor = isRowMajor(array) ? array : array.dup('c');
    try {
      Nd4j.getAffinityManager().ensureLocation(rowMajor, AffinityManager.Location.HOST);
      Memory memory = Memory.of(rowMajor, array.length() * TensorType.of(array.dataType()).width);
      for (long at = 0; at < memory.length(); at += CHUNK) {
        writeFully(out, memory.slice(at));
      }
    } finally {
      Reference.reachabilityFence(rowMajor);
      if (rowMajor != array) {
        rowMajor.close();
      }
    }
  }

  /** Whether the elements lie in C order from the start of the array's buffer. */
  private static boolean isRowMajor(INDArray array) {
    if (array.offset() != 0) {
      return false;
    }
    long stride = 1;
    for (int d = array.rank() - 1; d >= 0; d--) {
      if (array.size(d) != 1 && array.stride(d) != stride) {
        return false;
      }
      stride *= array.size(d);
    }
    return true;
  }

  private static void writeFully(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** The first bytes of an array's buffer, valid as long as the array is reachable. */
  private record Memory(Pointer start, long length) {

    static Memory of(INDArray array, long length) {
      return new Memory(array.data().pointer(), length);
    }

    ByteBuffer slice(long at) {
      return new BytePointer(start)
          .getPointer(at)
          .capacity(Math.min(length - at, CHUNK))
          .asByteBuffer();
    }
  }
}
