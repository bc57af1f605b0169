package org.diffusion4j.data;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/** Writes PNG files of kinds that ImageIO does not write, without it. */
final class PngBytes {

  static final int GRAY = 0;
  static final int RGB = 2;
  static final int PALETTE = 3;
  static final int GRAY_ALPHA = 4;
  static final int RGBA = 6;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final int height;

  PngBytes(int width, int height, int bits, int colourType) {
    this.height = height;
    out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
    ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height);
    chunk("IHDR", header.put((byte) bits).put((byte) colourType).array());
  }

  PngBytes chunk(String type, byte[] data) {
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    out.writeBytes(ByteBuffer.allocate(4).putInt(data.length).array());
    out.writeBytes(name);
    out.writeBytes(data);
    out.writeBytes(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
    return this;
  }

  PngBytes chunk(String type, int... data) {
    return chunk(type, bytes(data));
  }

  /** The file with these packed rows. */
  byte[] pixels(int... data) {
    ByteArrayOutputStream rows = new ByteArrayOutputStream();
    int stride = data.length / height;
    for (int y = 0; y < height; y++) {
      rows.write(0);
      for (int i = 0; i < stride; i++) {
        rows.write(data[y * stride + i]);
      }
    }
    Deflater deflater = new Deflater();
    deflater.setInput(rows.toByteArray());
    deflater.finish();
    byte[] packed = new byte[rows.size() + 100];
    int length = deflater.deflate(packed);
    deflater.end();
    chunk("IDAT", Arrays.copyOf(packed, length));
    chunk("IEND");
    return out.toByteArray();
  }

  private static byte[] bytes(int... data) {
    byte[] bytes = new byte[data.length];
    for (int i = 0; i < data.length; i++) {
      bytes[i] = (byte) data[i];
    }
    return bytes;
  }
}
