package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.diffusion4j.internal.common.Shown;

/** Checks of files before they are read. */
final class DataFiles {

  private static final int MOST_CHARACTERS = 300;

  private DataFiles() {}

  /**
   * Checks before opening that a file is a regular, non-empty file.
   *
   * @return its size in bytes
   */
  static long requireFile(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(show(file), null, "does not exist");
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(show(file) + ": is not a regular file");
    }
    long size = Files.size(file);
    if (size == 0) {
      throw new IOException(show(file) + ": is empty");
    }
    return size;
  }

  /**
   * A file of a folder.
   *
   * @param name a path within the folder
   * @throws IllegalArgumentException if it is none
   */
  static Path within(Path folder, String name) {
    try {
      Path root = folder.toAbsolutePath().normalize();
      Path file = root.resolve(name).normalize();
      if (!Path.of(name).isAbsolute() && file.startsWith(root) && !file.equals(root)) {
        return folder.resolve(name);
      }
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("path is invalid: " + Shown.text(name), e);
    }
    throw new IllegalArgumentException(
        "path must be within the folder but was " + Shown.text(name));
  }

  /** A path for the beginning of a message. */
  static String show(Path file) {
    return Shown.text(file, MOST_CHARACTERS);
  }

  /** The exception for a file that exceeds the heap. */
  static IOException tooLarge(Path file, OutOfMemoryError e) {
    return new IOException(
        show(file)
            + ": needs more memory than the heap has, "
            + (Runtime.getRuntime().maxMemory() >> 20)
            + " MB",
        e);
  }
}
