package org.diffusion4j.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.ZipException;

/**
 * Reads a gzip file (RFC 1952) with any number of members; zeros may follow the last. The JDK's
 * reader is recursive, so many empty members overflow its stack.
 */
final class GzipInput extends InputStream {

  static final int MAGIC = 0x1f8b;

  private static final int DEFLATE = 8;
  private static final int RESERVED = 0xe0;
  private static final int HEADER_CRC = 2;
  private static final int EXTRA = 4;
  private static final int NAME = 8;
  private static final int COMMENT = 16;

  private final InputStream in;
  private final byte[] buffer = new byte[1 << 16];
  private final Inflater inflater = new Inflater(true);
  private final CRC32 crc = new CRC32();
  private int next;
  private int end;
  private boolean ended;

  /** Reads the file from its beginning. */
  GzipInput(InputStream in) throws IOException {
    this.in = in;
    readHeader(readByte());
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int from, int length) throws IOException {
    while (length > 0 && !ended) {
      int read = inflate(into, from, length);
      if (read > 0) {
        crc.update(into, from, read);
        return read;
      }
      if (inflater.finished()) {
        readTrailer();
      } else if (inflater.needsDictionary()) {
        throw new ZipException("a dictionary is needed");
      } else {
        requireBuffer();
        inflater.setInput(buffer, next, end - next);
        next = end;
      }
    }
    return length == 0 ? 0 : -1;
  }

  private int inflate(byte[] into, int from, int length) throws ZipException {
    try {
      return inflater.inflate(into, from, length);
    } catch (DataFormatException e) {
      ZipException damaged = new ZipException(String.valueOf(e.getMessage()));
      damaged.initCause(e);
      throw damaged;
    }
  }

  private void readTrailer() throws IOException {
    next = end - inflater.getRemaining();
    if (readInt() != (int) crc.getValue()) {
      throw new ZipException("checksum does not match the content");
    }
    if (readInt() != (int) inflater.getBytesWritten()) {
      throw new ZipException("length does not match the content");
    }
    int first = 0;
    while (first == 0 && hasMore()) {
      first = readByte();
    }
    if (first == 0) {
      ended = true;
    } else {
      readHeader(first);
      inflater.reset();
      crc.reset();
    }
  }

  private void readHeader(int first) throws IOException {
    if ((first << 8 | readByte()) != MAGIC) {
      throw new ZipException("the data after the compressed content are not gzip");
    }
    int method = readByte();
    int flags = readByte();
    if (method != DEFLATE || (flags & RESERVED) != 0) {
      throw new ZipException("compression method " + method + " with flags " + flags);
    }
    skip(6);
    if ((flags & EXTRA) != 0) {
      skip(readByte() | readByte() << 8);
    }
    if ((flags & NAME) != 0) {
      skipText();
    }
    if ((flags & COMMENT) != 0) {
      skipText();
    }
    if ((flags & HEADER_CRC) != 0) {
      skip(2);
    }
  }

  private void skip(int bytes) throws IOException {
    for (int i = 0; i < bytes; i++) {
      readByte();
    }
  }

  private void skipText() throws IOException {
    int last;
    do {
      last = readByte();
    } while (last != 0);
  }

  /** Reads a little-endian int. */
  private int readInt() throws IOException {
    return readByte() | readByte() << 8 | readByte() << 16 | readByte() << 24;
  }

  private int readByte() throws IOException {
    requireBuffer();
    return buffer[next++] & 0xff;
  }

  private void requireBuffer() throws IOException {
    if (!hasMore()) {
      throw new EOFException();
    }
  }

  private boolean hasMore() throws IOException {
    if (next == end) {
      next = 0;
      end = Math.max(0, in.read(buffer));
    }
    return next < end;
  }

  @Override
  public void close() throws IOException {
    inflater.end();
    in.close();
  }
}
