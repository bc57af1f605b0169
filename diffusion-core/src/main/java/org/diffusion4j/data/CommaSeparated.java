package org.diffusion4j.data;

import java.io.BufferedWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.diffusion4j.internal.AtomicFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Writes tables as comma-separated values (RFC 4180), UTF-8, with decimal points. */
final class CommaSeparated {

  private CommaSeparated() {}

  /**
   * Writes a table.
   *
   * @param names of the columns; without any the file has rows only
   * @param rows {@code [n, columns]}
   */
  static void write(Path file, List<String> names, INDArray rows) throws IOException {
    int columns = Math.toIntExact(rows.size(1));
    double[] values = Samples.doubles(rows);
    AtomicFiles.writeFile(
        file,
        path -> {
          try (BufferedWriter out = Files.newBufferedWriter(path)) {
            if (!names.isEmpty()) {
              out.write(
                  names.stream().map(CommaSeparated::quoted).collect(Collectors.joining(",")));
              out.write('\n');
            }
            for (int first = 0; first < values.length; first += columns) {
              out.write(
                  IntStream.range(first, first + columns)
                      .mapToObj(i -> plain(values[i]))
                      .collect(Collectors.joining(",")));
              out.write('\n');
            }
          }
        });
  }

  private static String quoted(String name) {
    boolean plain = name.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
    return plain ? name : '"' + name.replace("\"", "\"\"") + '"';
  }

  /** A number without an exponent and without zeros at the end. */
  private static String plain(double value) {
    return Double.isFinite(value)
        ? BigDecimal.valueOf(value).stripTrailingZeros().toPlainString()
        : String.valueOf(value);
  }
}
