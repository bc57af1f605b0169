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

/**
 * A CSV file whose first column counts upwards and whose last column may be filled in later: a line
 * is ended only when the next begins.
 *
 * <p>No channel is used, for the interrupt that asks a training to stop would close it.
 */
final class CsvRows implements Closeable {

  private static final Pattern BEGINNING = Pattern.compile("\\d{1,18},");

  private final Path path;
  private final String header;
  private final RandomAccessFile file;
  private boolean begun;

  /** Number of the last row; -1 if there is none. */
  private long last = -1;

  /** Whether the last row has its last column. */
  private boolean complete;

  private CsvRows(Path path, String header) throws IOException {
    this.path = path;
    this.header = header;
    this.file = new RandomAccessFile(path.toFile(), "rw");
  }

  /**
   * Opens a file or makes an empty one.
   *
   * @throws IOException if its first line is another, or the file cannot be opened
   */
  static CsvRows open(Path path, String header) throws IOException {
    Path parent = path.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    CsvRows rows = new CsvRows(path, header);
    try (BufferedReader lines = rows.lines()) {
      String first = lines.readLine();
      if (first == null || first.equals(header)) {
        return rows;
      }
      // A process that was killed may have left the beginning of it.
      if (header.startsWith(first) && lines.readLine() == null) {
        rows.file.setLength(0);
        return rows;
      }
      rows.file.close();
      throw new IOException(
          path + ": first line must be '" + header + "' but is '" + abbreviated(first) + "'");
    }
  }

  private static String abbreviated(String line) {
    return line.length() <= 80 ? line : line.substring(0, 80) + "...";
  }

  private BufferedReader lines() throws IOException {
    return new BufferedReader(
        new InputStreamReader(new FileInputStream(path.toFile()), StandardCharsets.ISO_8859_1));
  }

  /**
   * Adds a row, instead of those that have its number or a greater one.
   *
   * @param number in its first column
   * @param row with nothing in its last column
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
    long end = 0;
    last = -1;
    try (BufferedReader lines = lines()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (end > 0) {
          if (!isRow(line)) {
            if (lines.readLine() != null) {
              throw new IOException("it is damaged after step " + last);
            }
            // What a process that was killed left of its last row.
            break;
          }
          long next = Long.parseLong(line.substring(0, line.indexOf(',')));
          if (next >= number) {
            break;
          }
          last = next;
          complete = !line.endsWith(",");
          end++;
        }
        end += line.length();
      }
    }
    file.setLength(end);
    file.seek(end);
    if (end == 0) {
      write(header);
    }
    begun = true;
  }

  private boolean isRow(String line) {
    return BEGINNING.matcher(line).lookingAt() && commas(line) == commas(header);
  }

  private static long commas(String line) {
    return line.chars().filter(c -> c == ',').count();
  }

  private void write(String text) throws IOException {
    file.write(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** Ends the last line. */
  @Override
  public void close() throws IOException {
    try (file) {
      if (begun) {
        begun = false;
        write("\n");
      }
    }
  }
}
