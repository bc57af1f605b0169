package org.diffusion4j.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/** A CRC-32 of the data of samples; detects accidental differences. */
final class Checksum {

  private static final int CHUNK = 1 << 12;

  private final CRC32 crc = new CRC32();

  Checksum add(byte[] bytes) {
    crc.update(bytes);
    return this;
  }

  Checksum add(int[] values) {
    ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES * CHUNK);
    for (int from = 0; from < values.length; from += CHUNK) {
      buffer.clear();
      buffer.asIntBuffer().put(values, from, Math.min(CHUNK, values.length - from));
      crc.update(buffer.limit(Integer.BYTES * Math.min(CHUNK, values.length - from)));
    }
    return this;
  }

  Checksum add(float[] values) {
    ByteBuffer buffer = ByteBuffer.allocate(Float.BYTES * CHUNK);
    for (int from = 0; from < values.length; from += CHUNK) {
      buffer.clear();
      buffer.asFloatBuffer().put(values, from, Math.min(CHUNK, values.length - from));
      crc.update(buffer.limit(Float.BYTES * Math.min(CHUNK, values.length - from)));
    }
    return this;
  }

  Checksum add(String name, long number) {
    crc.update(name.getBytes(StandardCharsets.UTF_8));
    crc.update(ByteBuffer.allocate(1 + Long.BYTES).put((byte) 0).putLong(number).flip());
    return this;
  }

  @Override
  public String toString() {
    return String.format("crc32 %08x", crc.getValue());
  }
}
