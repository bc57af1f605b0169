package org.diffusion4j.data;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.ZipException;

/**
 * An IDX file of unsigned bytes: two zero bytes, the element type, the number of dimensions, each
 * dimension as a big-endian int, the elements in C order.
 */
final class IdxFile {

  private static final int UNSIGNED_BYTE = 0x08;

  /** The maximum compression ratio of deflate. */
  private static final long GREATEST_RATIO = 1032;

  /** The dimensions. */
  final int[] dimensions;

  /** The elements. */
  final byte[] bytes;

  private IdxFile(int[] dimensions, byte[] bytes) {
    this.dimensions = dimensions;
    this.bytes = bytes;
  }

  static IdxFile readImages(Path file) throws IOException {
    return read(file, true);
  }

  static IdxFile readLabels(Path file) throws IOException {
    return read(file, false);
  }

  private static IdxFile read(Path file, boolean images) throws IOException {
    long fileSize = DataFiles.requireFile(file);
    String name = DataFiles.show(file);
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file))) {
      raw.mark(2);
      boolean gzip = ((raw.read() << 8) | raw.read()) == GzipInput.MAGIC;
      raw.reset();
      if (!gzip) {
        return read(name, raw, fileSize, images);
      }
      try (GzipInput unpacked = new GzipInput(raw)) {
        return read(name, unpacked, fileSize * GREATEST_RATIO, images);
      }
    } catch (EOFException e) {
      throw new IOException(name + ": is truncated", e);
    } catch (ZipException e) {
      throw new IOException(name + ": is damaged: " + e.getMessage(), e);
    } catch (OutOfMemoryError e) {
      throw DataFiles.tooLarge(file, e);
    }
  }

  private static IdxFile read(String file, InputStream in, long mostBytes, boolean images)
      throws IOException {
    int magic = readInt(in);
    int rank = magic & 0xff;
    if (magic >>> 16 != 0 || rank == 0 || rank > 8) {
      throw new IOException(file + ": is not an IDX file, magic " + String.format("0x%08x", magic));
    }
    if (rank == 1 == images) {
      throw new IOException(
          file
              + (images
                  ? ": contains labels instead of images"
                  : ": contains images instead of labels"));
    }
    if (images && rank != 3 && rank != 4) {
      throw new IOException(file + ": images must have 3 or 4 dimensions but have " + rank);
    }
    if ((magic >>> 8 & 0xff) != UNSIGNED_BYTE) {
      throw new IOException(
          file
              + ": elements must be unsigned bytes, type 0x08, but are of type "
              + String.format("0x%02x", magic >>> 8 & 0xff));
    }
    int[] dimensions = new int[rank];
    long length = 1;
    for (int i = 0; i < rank; i++) {
      dimensions[i] = readInt(in);
      length = dimensions[i] < 1 ? -1 : length * dimensions[i];
      if (length < 1 || length > Integer.MAX_VALUE - 8) {
        throw new IOException(
            file
                + ": dimensions must be positive and less than 2^31 bytes in total but are "
                + Arrays.toString(Arrays.copyOf(dimensions, i + 1))
                + (i + 1 < rank ? "..." : ""));
      }
    }
    if (length > mostBytes) {
      throw new IOException(file + ": is truncated, it must have " + length + " bytes of data");
    }
    byte[] bytes = in.readNBytes((int) length);
    if (bytes.length < length) {
      throw new IOException(
          file
              + ": is truncated, it must have "
              + length
              + " bytes of data but has "
              + bytes.length);
    }
    if (in.read() >= 0) {
      throw new IOException(file + ": has more than its " + length + " bytes of data");
    }
    return new IdxFile(dimensions, bytes);
  }

  private static int readInt(InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(4);
    if (bytes.length < 4) {
      throw new EOFException();
    }
    return ByteBuffer.wrap(bytes).getInt();
  }
}
