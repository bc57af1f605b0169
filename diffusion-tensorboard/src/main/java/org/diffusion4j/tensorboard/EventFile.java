package org.diffusion4j.tensorboard;

import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

/**
 * A file of TensorFlow records, each an event. A record is its length (8 bytes), the length's
 * checksum (4), the event, and the event's checksum (4), all little-endian. The checksum is a
 * CRC-32C, rotated and with a constant added.
 *
 * <p>Each record is with the operating system when {@link #append} returns. A process that is
 * killed leaves whole records and at most a part of the last one, which readers skip.
 */
final class EventFile implements Closeable {

  private static final Pattern NAME = Pattern.compile("events\\.out\\.tfevents\\.(\\d{1,18})\\..*");
  private static final int MASK = 0xA282EAD8;

  private final Path path;
  // Not a FileChannel, which an interrupt of the thread would close.
  private final RandomAccessFile file;
  private long end;

  private EventFile(Path path, RandomAccessFile file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Creates a file whose name comes after those of the other event files of a directory.
   *
   * @param directory created if it is missing
   * @param seconds the time now
   */
  static EventFile create(Path directory, long seconds) throws IOException {
    Files.createDirectories(directory);
    long second = Math.max(seconds, last(directory) + 1);
    while (true) {
      Path path = directory.resolve("events.out.tfevents.%010d.diffusion4j".formatted(second));
      try {
        Files.createFile(path);
        return new EventFile(path, new RandomAccessFile(path.toFile(), "rw"));
      } catch (FileAlreadyExistsException e) {
        second++;
      }
    }
  }

  private static long last(Path directory) throws IOException {
    long last = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        if (name.matches()) {
          last = Math.max(last, Long.parseLong(name.group(1)));
        }
      }
    }
    return last;
  }

  Path path() {
    return path;
  }

  /** Appends an event; if that fails, the file is as before. */
  void append(byte[] event) throws IOException {
    ByteBuffer record = ByteBuffer.allocate(event.length + 16).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(event.length).putInt(checksum(record.array(), Long.BYTES));
    record.put(event).putInt(checksum(event, event.length));
    try {
      file.write(record.array());
      end += record.capacity();
    } catch (IOException e) {
      try {
        file.setLength(end);
        file.seek(end);
      } catch (IOException cannot) {
        e.addSuppressed(cannot);
      }
      throw e;
    }
  }

  private static int checksum(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + MASK;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
