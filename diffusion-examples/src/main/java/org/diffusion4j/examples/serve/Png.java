package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

/**
 * Writes a PNG file piece by piece (ISO/IEC 15948), in 24 bits a pixel. ImageIO writes to a stream
 * through a temporary file, and has no way to begin before the picture is there.
 */
final class Png {

  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final int BITS = 8;
  private static final int RGB = 2;

  private final OutputStream out;

  private Png(OutputStream out) {
    this.out = out;
  }

  /** A whole file in memory. */
  static byte[] bytes(BufferedImage picture, String about) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      begin(bytes, picture.getWidth(), picture.getHeight()).end(picture, about);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** Begins a file of a picture that is to come. */
  static Png begin(OutputStream out, int width, int height) throws IOException {
    out.write(SIGNATURE);
    Png png = new Png(out);
    ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height);
    header.put((byte) BITS).put((byte) RGB).put((byte) 0).put((byte) 0).put((byte) 0);
    png.chunk("IHDR", header.array());
    return png;
  }

  /** Writes a chunk that readers pass over: a private, ancillary one. */
  void pause() throws IOException {
    chunk("waIt", new byte[0]);
  }

  /**
   * Writes the picture and ends the file.
   *
   * @param about a text that is kept in the file; none if it is empty
   */
  void end(BufferedImage picture, String about) throws IOException {
    if (!about.isEmpty()) {
      chunk("iTXt", ("diffusion4j\0\0\0\0\0" + about).getBytes(StandardCharsets.UTF_8));
    }
    chunk("IDAT", deflated(picture));
    chunk("IEND", new byte[0]);
  }

  private static byte[] deflated(BufferedImage picture) throws IOException {
    int width = picture.getWidth();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DeflaterOutputStream out = new DeflaterOutputStream(bytes)) {
      int[] pixels = new int[width];
      for (int y = 0; y < picture.getHeight(); y++) {
        picture.getRGB(0, y, width, 1, pixels, 0, width);
        ByteBuffer line = ByteBuffer.allocate(1 + 3 * width);
        line.put((byte) 0);
        for (int pixel : pixels) {
          line.put((byte) (pixel >> 16)).put((byte) (pixel >> 8)).put((byte) pixel);
        }
        out.write(line.array());
      }
    }
    return bytes.toByteArray();
  }

  private void chunk(String type, byte[] data) throws IOException {
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    ByteBuffer chunk = ByteBuffer.allocate(12 + data.length);
    chunk.putInt(data.length).put(name).put(data).putInt((int) crc.getValue());
    out.write(chunk.array());
  }
}
