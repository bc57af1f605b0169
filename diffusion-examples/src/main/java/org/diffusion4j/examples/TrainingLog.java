package org.diffusion4j.examples;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.training.TrainingListeners;

/** The columns of a file written by {@link TrainingListeners#csv}; empty cells are NaN. */
final class TrainingLog {

  private final Path file;
  private final List<String> names;
  private final double[][] columns;

  private TrainingLog(Path file, List<String> names, double[][] columns) {
    this.file = file;
    this.names = names;
    this.columns = columns;
  }

  /**
   * Reads a file, also during the training.
   *
   * @throws IOException naming the file, if it has no rows or a row that does not consist of
   *     numbers
   */
  static TrainingLog read(Path file) throws IOException {
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      String header = lines.readLine();
      List<String> names = List.of(header == null ? new String[0] : header.split(","));
      double[][] columns = new double[names.size()][1024];
      int rows = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine(), rows++) {
        String[] cells = line.split(",", -1);
        if (cells.length != names.size()) {
          throw new IOException(
              file + ": row " + rows + " must have " + names.size() + " cells: " + line);
        }
        for (int i = 0; i < cells.length; i++) {
          if (rows == columns[i].length) {
            columns[i] = Arrays.copyOf(columns[i], 2 * rows);
          }
          columns[i][rows] = number(file, cells[i]);
        }
      }
      if (rows == 0) {
        throw new IOException(file + ": must have at least 1 row but has none");
      }
      int length = rows;
      Arrays.setAll(columns, i -> Arrays.copyOf(columns[i], length));
      return new TrainingLog(file, names, columns);
    }
  }

  private static double number(Path file, String cell) throws IOException {
    try {
      return cell.isEmpty() ? Double.NaN : Double.parseDouble(cell);
    } catch (NumberFormatException e) {
      throw new IOException(file + ": '" + cell + "' is not a number", e);
    }
  }

  /**
   * A column by its name.
   *
   * @throws IOException naming the file, if it has no such column
   */
  double[] column(String name) throws IOException {
    int index = names.indexOf(name);
    if (index < 0) {
      throw new IOException(file + ": has no column " + name);
    }
    return columns[index];
  }
}
