package org.diffusion4j.tensorboard;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads event files, written from the formats' descriptions and sharing no code with the writer.
 */
final class EventReader {

  /** Polynomial of CRC-32C (Castagnoli), bits reversed. */
  private static final int POLYNOMIAL = 0x82F63B78;

  /** A field of a message: its wire type, and its bits or its bytes. */
  record Field(int type, long bits, byte[] bytes) {}

  /** The fields of a message in order, by number. */
  record Event(Map<Integer, List<Field>> fields) {

    long number(int field) {
      return fields.get(field).get(0).bits();
    }

    double real(int field) {
      return Double.longBitsToDouble(number(field));
    }

    float single(int field) {
      return Float.intBitsToFloat((int) number(field));
    }

    byte[] bytes(int field) {
      return fields.get(field).get(0).bytes();
    }

    String text(int field) {
      return new String(bytes(field), StandardCharsets.UTF_8);
    }

    boolean has(int field) {
      return fields.containsKey(field);
    }

    List<Event> messages(int field) {
      return fields.getOrDefault(field, List.of()).stream().map(f -> parse(f.bytes())).toList();
    }

    /** The simple values of a summary, by tag. */
    Map<String, Float> scalars() {
      Map<String, Float> scalars = new LinkedHashMap<>();
      for (Event summary : messages(5)) {
        for (Event value : summary.messages(1)) {
          if (value.has(2)) {
            scalars.put(value.text(1), value.single(2));
          }
        }
      }
      return scalars;
    }
  }

  private EventReader() {}

  /** The whole records of a file; a part of one at the end is skipped, as by TensorFlow. */
  static List<Event> read(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Event> events = new ArrayList<>();
    while (in.remaining() >= 12) {
      byte[] length = new byte[8];
      in.get(length);
      assertThat(in.getInt()).isEqualTo(masked(length));
      long bytes = ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
      if (in.remaining() < bytes + 4) {
        break;
      }
      byte[] data = new byte[(int) bytes];
      in.get(data);
      assertThat(in.getInt()).isEqualTo(masked(data));
      events.add(parse(data));
    }
    return events;
  }

  private static int masked(byte[] bytes) {
    int crc = ~crc(bytes);
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  private static int crc(byte[] bytes) {
    int crc = -1;
    for (byte b : bytes) {
      crc ^= b & 0xFF;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ ((crc & 1) == 0 ? 0 : POLYNOMIAL);
      }
    }
    return crc;
  }

  static Event parse(byte[] message) {
    ByteBuffer in = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
    Map<Integer, List<Field>> fields = new LinkedHashMap<>();
    while (in.hasRemaining()) {
      long key = varint(in);
      int type = (int) (key & 7);
      Field field =
          switch (type) {
            case 0 -> new Field(type, varint(in), new byte[0]);
            case 1 -> new Field(type, in.getLong(), new byte[0]);
            case 2 -> {
              byte[] bytes = new byte[(int) varint(in)];
              in.get(bytes);
              yield new Field(type, 0, bytes);
            }
            case 5 -> new Field(type, in.getInt(), new byte[0]);
            default -> throw new AssertionError("wire type " + type);
          };
      fields.computeIfAbsent((int) (key >>> 3), n -> new ArrayList<>()).add(field);
    }
    return new Event(fields);
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte b = in.get();
      value |= (b & 0x7FL) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }
}
