package org.diffusion4j.examples;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Iterator;
import org.diffusion4j.data.DelimitedVectors;
import org.jspecify.annotations.Nullable;

/** The time series that are bundled. */
enum RecordedSeries {
  /** Yearly, from 1700 to 2008. */
  SUNSPOTS("sunspots", "sunspots"),
  /** Of the Pacific, monthly, from 1950 to 2010. */
  SEA_TEMPERATURE("sea-temperature", "celsius");

  private final String file;
  private final String column;

  RecordedSeries(String file, String column) {
    this.file = file;
    this.column = column;
  }

  static @Nullable RecordedSeries named(String name) {
    return Arrays.stream(values()).filter(s -> s.file.equals(name)).findAny().orElse(null);
  }

  DelimitedVectors read() throws IOException {
    String resource = "series/" + file + ".csv";
    Path copy = Files.createTempFile(file, ".csv");
    try (InputStream in = RecordedSeries.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException(resource + ": is not on the class path");
      }
      Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
      return DelimitedVectors.of(copy).columns(column).read();
    } finally {
      Files.delete(copy);
    }
  }

  /** All names. */
  static final class Names implements Iterable<String> {

    @Override
    public Iterator<String> iterator() {
      return Arrays.stream(values()).map(series -> series.file).iterator();
    }
  }
}
