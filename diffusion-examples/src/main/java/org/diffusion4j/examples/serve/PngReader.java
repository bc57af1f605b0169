package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** Reads pictures of requests, once their headers say that they have the size that they must. */
final class PngReader {

  /** Signature, length and name of the first chunk, width, height, depth, type of colour. */
  private static final int HEADER = 8 + 8 + 4 + 4 + 1 + 1;

  private static final byte[] BEGIN = {
    (byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'
  };
  private static final int BITS = 8;
  private static final int RGB = 2;
  private static final int RGBA = 6;

  private PngReader() {}

  /**
   * Reads a picture.
   *
   * @param name of the field
   * @param base64 the bytes of a PNG file
   * @throws Refusal if it is no PNG file of this size with 8 bits a channel, RGB or RGBA
   */
  static BufferedImage read(String name, String base64, int width, int height) {
    byte[] file;
    try {
      file = Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw Refusal.badRequest(name + " must be a PNG file in base64 but was not base64");
    }
    requireHeader(name, file, width, height);
    ImageReader reader = ImageIO.getImageReadersByFormatName("png").next();
    // ImageIO's own streams would cache in a file.
    try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
      // Text and colour profiles are passed over: they could be large when unpacked.
      reader.setInput(in, true, true);
      return reader.read(0);
    } catch (IOException | RuntimeException e) {
      throw Refusal.badRequest(name + " must be a PNG file but is damaged");
    } finally {
      reader.dispose();
    }
  }

  private static void requireHeader(String name, byte[] file, int width, int height) {
    String requirement =
        name + " must be a PNG file of " + width + "x" + height + " pixels, RGB or RGBA, but ";
    if (file.length < HEADER || !Arrays.equals(file, 0, BEGIN.length, BEGIN, 0, BEGIN.length)) {
      throw Refusal.badRequest(requirement + "was no PNG file");
    }
    ByteBuffer header = ByteBuffer.wrap(file, BEGIN.length, HEADER - BEGIN.length);
    int itsWidth = header.getInt();
    int itsHeight = header.getInt();
    if (itsWidth != width || itsHeight != height) {
      throw Refusal.badRequest(
          requirement
              + "had "
              + Integer.toUnsignedString(itsWidth)
              + "x"
              + Integer.toUnsignedString(itsHeight));
    }
    byte bits = header.get();
    byte colour = header.get();
    if (bits != BITS || (colour != RGB && colour != RGBA)) {
      throw Refusal.badRequest(requirement + "had " + bits + " bits of colour type " + colour);
    }
  }
}
