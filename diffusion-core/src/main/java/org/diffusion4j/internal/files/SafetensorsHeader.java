package org.diffusion4j.internal.files;

import com.google.common.io.ByteStreams;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/** The header of a safetensors file, checked against the size of the file. */
public final class SafetensorsHeader {

  public static final String METADATA = "__metadata__";
  public static final int MAX_LENGTH = 100_000_000;

  /** The limit of ND4J. */
  private static final int MAX_RANK = 32;

  private static final int LENGTH_BYTES = 8;

  /**
   * A tensor.
   *
   * @param shape must not be changed
   * @param begin start of its bytes within the data
   * @param end end of its bytes, exclusive
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record Tensor(TensorType type, long[] shape, long begin, long end) {}

  /** In the order of the file; unmodifiable. */
  public final Map<String, Tensor> tensors;

  /** In the order of the file; unmodifiable. */
  public final Map<String, String> metadata;

  /** The position of the data in the file. */
  public final long dataStart;

  private SafetensorsHeader(
      Map<String, Tensor> tensors, Map<String, String> metadata, long dataStart) {
    this.tensors = Collections.unmodifiableMap(tensors);
    this.metadata = Collections.unmodifiableMap(metadata);
    this.dataStart = dataStart;
  }

  public static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    long length = length(file, channel, size);
    channel.position(LENGTH_BYTES);
    Map<String, @Nullable Object> json =
        Json.read(file, "header, ", ByteStreams.limit(Channels.newInputStream(channel), length));
    return new Parser(file, size - LENGTH_BYTES - length).parse(json, LENGTH_BYTES + length);
  }

  private static long length(Path file, FileChannel channel, long size) throws IOException {
    if (size < LENGTH_BYTES) {
      throw new ModelFormatException(
          file, "length must be at least " + LENGTH_BYTES + " bytes but was " + size);
    }
    ByteBuffer start = ByteBuffer.allocate(LENGTH_BYTES + 1).order(ByteOrder.LITTLE_ENDIAN);
    while (start.hasRemaining() && channel.read(start, start.position()) >= 0) {}
    start.flip();
    if (start.remaining() < LENGTH_BYTES) {
      throw new ModelFormatException(file, "ends within the length of its header");
    }
    long length = start.getLong();
    if (length < 2 || length > MAX_LENGTH) {
      throw new ModelFormatException(
          file,
          "header length must be in [2, "
              + MAX_LENGTH
              + "] but was "
              + Long.toUnsignedString(length));
    }
    if (length > size - LENGTH_BYTES) {
      throw new ModelFormatException(
          file,
          "header length must be at most the "
              + (size - LENGTH_BYTES)
              + " bytes that follow it but was "
              + length);
    }
    byte first = start.get();
    if (first != '{') {
      throw new ModelFormatException(
          file, "header must start with '{' but starts with byte " + (first & 0xff));
    }
    return length;
  }

  /**
   * The bytes before the data: length, header, and spaces up to a multiple of 8.
   *
   * @param tensors in the order of their data
   * @throws IllegalArgumentException if the header would be longer than the format allows
   */
  public static byte[] encode(Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    var json = new LinkedHashMap<String, Object>();
    if (!metadata.isEmpty()) {
      json.put(METADATA, metadata);
    }
    tensors.forEach(
        (name, tensor) -> {
          var entry = new LinkedHashMap<String, Object>();
          entry.put("dtype", tensor.type().name());
          entry.put("shape", Arrays.stream(tensor.shape()).boxed().toList());
          entry.put("data_offsets", List.of(tensor.begin(), tensor.end()));
          json.put(name, entry);
        });
    byte[] text = Json.compact(json);
    int length = Math.addExact(text.length, 7) / 8 * 8;
    if (length > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "header must be at most " + MAX_LENGTH + " bytes but was " + length);
    }
    byte[] bytes = new byte[LENGTH_BYTES + length];
    Arrays.fill(bytes, (byte) ' ');
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(text);
    return bytes;
  }

  /** Converts the JSON object to tensors and checks that they are within the data. */
  private record Parser(Path file, long dataLength) {

    SafetensorsHeader parse(Map<String, @Nullable Object> json, long dataStart)
        throws ModelFormatException {
      var tensors = new LinkedHashMap<String, Tensor>();
      Map<String, String> metadata = Map.of();
      for (Map.Entry<String, @Nullable Object> entry : json.entrySet()) {
        if (entry.getKey().equals(METADATA)) {
          metadata = metadata(entry.getValue());
        } else {
          tensors.put(entry.getKey(), tensor(entry.getKey(), entry.getValue()));
        }
      }
      requireGapless(tensors);
      return new SafetensorsHeader(tensors, metadata, dataStart);
    }

    private Map<String, String> metadata(@Nullable Object value) throws ModelFormatException {
      if (value == null) {
        return Map.of();
      }
      if (!(value instanceof Map<?, ?> map)) {
        throw refuse(METADATA + " must be an object of strings but was ", value);
      }
      var metadata = new LinkedHashMap<String, String>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        String key = String.valueOf(entry.getKey());
        if (!(entry.getValue() instanceof String text)) {
          throw refuse(
              METADATA + " must hold strings but \"" + Shown.text(key) + "\" was ",
              entry.getValue());
        }
        metadata.put(key, text);
      }
      return metadata;
    }

    private Tensor tensor(String name, @Nullable Object value) throws ModelFormatException {
      if (!(value instanceof Map<?, ?> map)) {
        throw refuse(name, "must be an object but was ", value);
      }
      TensorType type = type(name, map.get("dtype"));
      long[] shape = shape(name, map.get("shape"));
      long length = length(name, type, shape);
      if (!(map.get("data_offsets") instanceof List<?> offsets
          && offsets.size() == 2
          && offsets.get(0) instanceof Long begin
          && offsets.get(1) instanceof Long end)) {
        throw refuse(name, "data_offsets must be two integers but was ", map.get("data_offsets"));
      }
      if (begin < 0 || begin > end || end > dataLength) {
        throw refuse(
            name,
            "data_offsets must be increasing and in [0, " + dataLength + "] but was ",
            offsets);
      }
      if (end - begin != length) {
        throw refuse(
            name,
            type
                + " "
                + Arrays.toString(shape)
                + " must have "
                + length
                + " bytes but data_offsets give ",
            end - begin);
      }
      return new Tensor(type, shape, begin, end);
    }

    private TensorType type(String name, @Nullable Object value) throws ModelFormatException {
      if (value instanceof String text) {
        var type = TensorType.named(text);
        if (type.isPresent()) {
          return type.get();
        }
      }
      throw refuse(
          name,
          "dtype must be one of " + Arrays.toString(TensorType.values()) + " but was ",
          value);
    }

    private long[] shape(String name, @Nullable Object value) throws ModelFormatException {
      if (!(value instanceof List<?> list)) {
        throw refuse(name, "shape must be a list of integers but was ", value);
      }
      if (list.size() > MAX_RANK) {
        throw refuse(
            name, "shape must have at most " + MAX_RANK + " dimensions but has ", list.size());
      }
      long[] shape = new long[list.size()];
      for (int d = 0; d < shape.length; d++) {
        if (!(list.get(d) instanceof Long dimension && dimension >= 0)) {
          throw refuse(name, "shape must be of integers of at least 0 but was ", value);
        }
        shape[d] = dimension;
      }
      return shape;
    }

    private long length(String name, TensorType type, long[] shape) throws ModelFormatException {
      try {
        // The strides of an empty array must not overflow.
        long room = type.width;
        boolean empty = false;
        for (long dimension : shape) {
          room = Math.multiplyExact(room, Math.max(dimension, 1));
          empty |= dimension == 0;
        }
        return empty ? 0 : room;
      } catch (ArithmeticException e) {
        throw refuse(name, "shape must have less than 2^63 bytes but was ", Arrays.toString(shape));
      }
    }

    private void requireGapless(Map<String, Tensor> tensors) throws ModelFormatException {
      var byPlace = new ArrayList<>(tensors.entrySet());
      byPlace.sort(
          Comparator.comparingLong((Map.Entry<String, Tensor> e) -> e.getValue().begin())
              .thenComparingLong(e -> e.getValue().end()));
      long end = 0;
      for (Map.Entry<String, Tensor> entry : byPlace) {
        long begin = entry.getValue().begin();
        if (begin != end) {
          throw refuse(
              entry.getKey(),
              "data must begin where that of the tensor before ends, at "
                  + end
                  + ", without gap or overlap, but begins at ",
              begin);
        }
        end = entry.getValue().end();
      }
      if (end != dataLength) {
        throw refuse("tensors must fill the " + dataLength + " bytes of data but end at ", end);
      }
    }

    private ModelFormatException refuse(String tensor, String requirement, @Nullable Object value) {
      return refuse("tensor \"" + Shown.text(tensor) + "\": " + requirement, value);
    }

    private ModelFormatException refuse(String requirement, @Nullable Object value) {
      return new ModelFormatException(file, requirement + Shown.text(value));
    }
  }

  /** Whether UTF-8 can encode the text; it cannot encode half of a surrogate pair. */
  public static boolean isEncodable(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }
}
