package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Checks of files that are to be read. */
final class DataFiles {

  private DataFiles() {}

  /**
   * Checks that a file is there and holds something.
   *
   * @return its size in bytes
   */
  static long requireFile(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString(), null, "does not exist");
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": is no file");
    }
    long size = Files.size(file);
    if (size == 0) {
      throw new IOException(file + ": is empty");
    }
    return size;
  }
}
