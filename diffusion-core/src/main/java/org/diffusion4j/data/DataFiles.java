package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.diffusion4j.internal.common.Shown;

/** Checks of files that are to be read. */
final class DataFiles {

  private static final int MOST_CHARACTERS = 300;

  private DataFiles() {}

  /**
   * Checks, before it is opened, that a file is a plain one and holds something.
   *
   * @return its size in bytes
   */
  static long requireFile(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(show(file), null, "does not exist");
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(show(file) + ": is no file");
    }
    long size = Files.size(file);
    if (size == 0) {
      throw new IOException(show(file) + ": is empty");
    }
    return size;
  }

  /** A path as messages begin with it. */
  static String show(Path file) {
    return Shown.text(file, MOST_CHARACTERS);
  }

  /** What a file gives that the heap cannot hold, which is no reason to end the process. */
  static IOException tooLarge(Path file, OutOfMemoryError e) {
    return new IOException(
        show(file)
            + ": needs more memory than the heap has, "
            + (Runtime.getRuntime().maxMemory() >> 20)
            + " MB",
        e);
  }
}
