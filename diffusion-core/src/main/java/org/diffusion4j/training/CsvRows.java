package org.diffusion4j.training;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.diffusion4j.internal.WriterLock;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * A CSV file whose first column counts upwards and whose last column may be filled in later: a line
 * is ended only when the next begins.
 *
 * <p>No channel is used, for the interrupt that asks a training to stop would close it.
 */
final class CsvRows implements Closeable {

  /** More characters than any row has. */
  private static final int LONGEST = 10_000;

  private static final Pattern BEGINNING = Pattern.compile("\\d{1,18},");

  private final Path path;
  private final String header;
  private final RandomAccessFile file;
  private final WriterLock lock;
  private boolean begun;

  /** Where the next row is to begin, once the file was looked at. */
  private long end;

  /** Number of the last row; -1 if there is none. */
  private long last = -1;

  /** Whether the last row has its last column. */
  private boolean complete;

  private CsvRows(Path path, String header, RandomAccessFile file, WriterLock lock) {
    this.path = path;
    this.header = header;
    this.file = file;
    this.lock = lock;
  }

  /**
   * Opens a file or makes an empty one, which nobody else writes until it is closed.
   *
   * @throws IOException if its first line is another, or the file cannot be opened, or has another
   *     writer
   */
  static CsvRows open(Path path, String header) throws IOException {
    Path parent = path.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new IOException(path + ": must be a regular file");
    }
    RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
    WriterLock lock = null;
    try {
      Path real = path.toRealPath();
      lock = WriterLock.take(path, real.resolveSibling("." + real.getFileName() + ".lock"));
      CsvRows rows = new CsvRows(path, header, file, lock);
      rows.requireHeader();
      return rows;
    } catch (Throwable e) {
      if (lock != null) {
        lock.close();
      }
      file.close();
      throw e;
    }
  }

  private void requireHeader() throws IOException {
    try (BufferedReader lines = lines()) {
      String first = line(lines);
      if (first == null || first.equals(header)) {
        return;
      }
      // A process that was killed may have left the beginning of it.
      if (header.startsWith(first) && line(lines) == null) {
        file.setLength(0);
        return;
      }
      throw new IOException(
          path
              + ": first line must be '"
              + Shown.text(header, 50)
              + "' but is '"
              + Shown.text(first, 40)
              + "'");
    }
  }

  private BufferedReader lines() throws IOException {
    return new BufferedReader(
        new InputStreamReader(new FileInputStream(path.toFile()), StandardCharsets.ISO_8859_1));
  }

  /** The next line without its end, or the beginning of one that is too long to be a row. */
  private static @Nullable String line(BufferedReader lines) throws IOException {
    StringBuilder line = new StringBuilder();
    int c = lines.read();
    if (c < 0) {
      return null;
    }
    while (c >= 0 && c != '\n' && line.length() < LONGEST) {
      line.append((char) c);
      c = lines.read();
    }
    return line.toString();
  }

  /**
   * Adds a row, instead of those that have its number or a greater one.
   *
   * @param number in its first column
   * @param row with nothing in its last column
   * @throws IOException if it cannot be written; the file then ends after the row before
   */
  void append(long number, String row) throws IOException {
    if (!begun || number <= last) {
      cut(number);
    }
    write("\n" + row);
    last = number;
    complete = false;
  }

  /** Fills in the last column of the last row, if it has this number and nothing there. */
  void complete(long number, String value) throws IOException {
    if (!begun) {
      cut(number + 1);
    }
    if (last >= 0 && number == last && !complete) {
      write(value);
      complete = true;
    }
  }

  /** Leaves only the rows before a number. */
  private void cut(long number) throws IOException {
    begun = false;
    end = 0;
    last = -1;
    try (BufferedReader lines = lines()) {
      if (header.equals(line(lines))) {
        end = header.length();
        keepRowsBefore(number, lines);
      }
    }
    file.setLength(end);
    file.seek(end);
    if (end == 0) {
      write(header);
    }
    begun = true;
  }

  private void keepRowsBefore(long number, BufferedReader lines) throws IOException {
    for (String line = line(lines); line != null; line = line(lines)) {
      if (!isRow(line)) {
        if (line(lines) != null) {
          throw new IOException("it is damaged after step " + last);
        }
        // What a process that was killed left of its last row.
        return;
      }
      long next = Long.parseLong(line.substring(0, line.indexOf(',')));
      if (next >= number) {
        return;
      }
      last = next;
      complete = !line.endsWith(",");
      end += 1 + line.length();
    }
  }

  private boolean isRow(String line) {
    return BEGINNING.matcher(line).lookingAt() && commas(line) == commas(header);
  }

  private static long commas(String line) {
    return line.chars().filter(c -> c == ',').count();
  }

  /** Writes at the end, or nothing at all. */
  private void write(String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    try {
      file.write(bytes);
      end += bytes.length;
    } catch (IOException e) {
      takeBack(e);
      throw e;
    }
  }

  private void takeBack(IOException failure) {
    try {
      file.setLength(end);
      file.seek(end);
    } catch (IOException e) {
      // The next row looks at the file anew.
      begun = false;
      failure.addSuppressed(e);
    }
  }

  /** Ends the last line. */
  @Override
  public void close() throws IOException {
    try (lock;
        file) {
      if (begun) {
        begun = false;
        write("\n");
      }
    }
  }
}
