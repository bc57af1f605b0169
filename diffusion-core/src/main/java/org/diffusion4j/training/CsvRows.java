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
 * A CSV file whose first column increases and whose last column may be filled in later: a line is
 * ended when the next one starts.
 *
 * <p>It uses no channel, because the interrupt that stops a training would close it.
 */
final class CsvRows implements Closeable {

  /** An upper limit for the length of a row. */
  private static final int LONGEST = 10_000;

  private static final Pattern BEGINNING = Pattern.compile("\\d{1,18},");

  private final Path path;
  private final String header;
  private final RandomAccessFile file;
  private final WriterLock lock;
  private boolean begun;

  /** Position of the next row, when the file has been read. */
  private long end;

  /** Number of the last row; -1 if there is none. */
  private long last = -1;

  /** Whether the last column of the last row has a value. */
  private boolean complete;

  private CsvRows(Path path, String header, RandomAccessFile file, WriterLock lock) {
    this.path = path;
    this.header = header;
    this.file = file;
    this.lock = lock;
  }

  /**
   * Opens or creates a file, and prevents other writers until it is closed.
   *
   * @throws IOException if its first line differs, or the file cannot be opened or has another
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
      // A killed process may have left a part of it.
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

  /** The next line without its line end, or the beginning of a line that is too long for a row. */
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
   * Adds a row; replaces rows with the same or a greater number.
   *
   * @param number in its first column
   * @param row the row, with an empty last column
   * @throws IOException if it cannot be written; the file then ends after the previous row
   */
  void append(long number, String row) throws IOException {
    if (!begun || number <= last) {
      cut(number);
    }
    write("\n" + row);
    last = number;
    complete = false;
  }

  /**
   * Fills in the last column of the last row, if the row has this number and the column is empty.
   */
  void complete(long number, String value) throws IOException {
    if (!begun) {
      cut(number + 1);
    }
    if (last >= 0 && number == last && !complete) {
      write(value);
      complete = true;
    }
  }

  /** Removes the rows from a number on. */
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
        // Removes the partial last row of a killed process.
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

  /** Appends a text completely or not at all. */
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
      // The file is read again before the next row.
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
