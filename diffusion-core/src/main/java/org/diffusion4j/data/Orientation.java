package org.diffusion4j.data;

import java.io.EOFException;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.imageio.stream.ImageInputStream;

/**
 * The orientation of a stored image, from the EXIF data of JPEG, PNG and WebP files or from TIFF
 * files. If it cannot be read, the image is used as stored.
 *
 * @param transposed whether rows become columns
 * @param mirrored whether the stored rows are read from right to left
 * @param flipped whether the stored columns are read from bottom to top
 */
record Orientation(boolean transposed, boolean mirrored, boolean flipped) {

  static final Orientation UPRIGHT = new Orientation(false, false, false);

  private static final int TAG = 0x0112;
  private static final int SHORT = 3;
  private static final int LONG = 4;
  private static final int MOST_BYTES = 1 << 24;
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};
  private static final long PNG = 0x89504e470d0a1a0aL;

  /** The orientation with a number of EXIF 2.32, section 4.6.4 A. */
  static Orientation of(int number) {
    return number < 1 || number > 8
        ? UPRIGHT
        : new Orientation(
            number >= 5,
            number == 2 || number == 3 || number == 7 || number == 8,
            number == 3 || number == 4 || number == 6 || number == 7);
  }

  /** Reads the orientation from a file and resets the stream. */
  static Orientation read(ImageInputStream in) throws IOException {
    int number;
    try {
      in.setByteOrder(ByteOrder.BIG_ENDIAN);
      number = find(in);
    } catch (EOFException | IndexOutOfBoundsException e) {
      number = 1;
    }
    in.setByteOrder(ByteOrder.BIG_ENDIAN);
    in.seek(0);
    return of(number);
  }

  private static int find(ImageInputStream in) throws IOException {
    in.seek(0);
    long magic = in.readLong();
    if (magic >>> 48 == 0xffd8) {
      return inJpeg(in);
    }
    if (magic == PNG) {
      return inChunks(in, 8, "eXIf", true);
    }
    int first = (int) (magic >>> 32);
    if (first == 0x52494646) {
      return inChunks(in, 12, "EXIF", false);
    }
    if (first == 0x49492a00 || first == 0x4d4d002a) {
      return inTiff(in);
    }
    return 1;
  }

  /** Reads the segments up to the first scan; other data such as XMP may have the same marker. */
  private static int inJpeg(ImageInputStream in) throws IOException {
    in.seek(2);
    while (true) {
      int marker = in.readUnsignedShort();
      while (marker == 0xffff) {
        marker = 0xff00 | in.readUnsignedByte();
      }
      if (marker >>> 8 != 0xff || marker == 0xffda || marker == 0xffd9) {
        return 1;
      }
      int length = in.readUnsignedShort() - 2;
      if (length < 0) {
        return 1;
      }
      long next = in.getStreamPosition() + length;
      if (marker == 0xffe1 && length >= EXIF.length) {
        byte[] content = new byte[length];
        in.readFully(content);
        if (Arrays.equals(content, 0, EXIF.length, EXIF, 0, EXIF.length)) {
          return inTiff(content, EXIF.length);
        }
      }
      in.seek(next);
    }
  }

  /** Reads chunks with length, name and a trailing checksum (PNG), or name and length (RIFF). */
  private static int inChunks(ImageInputStream in, long from, String wanted, boolean png)
      throws IOException {
    long position = from;
    byte[] name = new byte[4];
    while (true) {
      in.seek(position);
      long length;
      if (png) {
        length = in.readUnsignedInt();
        in.readFully(name);
      } else {
        in.readFully(name);
        length = Integer.toUnsignedLong(Integer.reverseBytes(in.readInt()));
      }
      if (new String(name, StandardCharsets.ISO_8859_1).equals(wanted)) {
        byte[] content = new byte[(int) Math.min(length, 1 << 16)];
        in.readFully(content);
        boolean prefixed =
            content.length >= EXIF.length
                && Arrays.equals(content, 0, EXIF.length, EXIF, 0, EXIF.length);
        return inTiff(content, prefixed ? EXIF.length : 0);
      }
      position += 8 + length + (png ? 4 : length & 1);
    }
  }

  /** Reads the first directory of the file, which may be anywhere. */
  private static int inTiff(ImageInputStream in) throws IOException {
    in.seek(0);
    in.setByteOrder(in.readUnsignedByte() == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    in.seek(4);
    long directory = in.readUnsignedInt();
    if (directory > MOST_BYTES) {
      return 1;
    }
    in.seek(directory);
    byte[] entries = new byte[12 * in.readUnsignedShort()];
    in.readFully(entries);
    return inEntries(ByteBuffer.wrap(entries).order(in.getByteOrder()), entries.length / 12);
  }

  private static int inTiff(byte[] content, int from) {
    ByteBuffer tiff = ByteBuffer.wrap(content, from, content.length - from).slice();
    try {
      int order = tiff.getShort();
      if (order != 0x4949 && order != 0x4d4d) {
        return 1;
      }
      tiff.order(order == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
      if (tiff.getShort() != 42) {
        return 1;
      }
      tiff.position(Math.max(0, tiff.getInt()));
      return inEntries(tiff, Short.toUnsignedInt(tiff.getShort()));
    } catch (BufferUnderflowException | IllegalArgumentException e) {
      return 1;
    }
  }

  private static int inEntries(ByteBuffer entries, int count) {
    for (int i = 0; i < count && entries.remaining() >= 12; i++) {
      int tag = Short.toUnsignedInt(entries.getShort());
      int type = entries.getShort();
      int values = entries.getInt();
      int position = entries.position();
      if (tag == TAG) {
        if (values != 1 || (type != SHORT && type != LONG)) {
          return 1;
        }
        return type == SHORT
            ? Short.toUnsignedInt(entries.getShort(position))
            : entries.getInt(position);
      }
      entries.position(position + 4);
    }
    return 1;
  }
}
