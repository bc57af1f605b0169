package org.diffusion4j.internal.files;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;

/** Opens model files, and creates the exceptions if this fails. */
public final class ModelFiles {

  private ModelFiles() {}

  /**
   * Opens a regular file for reading. Pipes and devices are refused, because they may be endless.
   */
  public static FileChannel open(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new ModelFormatException(file, "must be a regular file");
    }
    try {
      return FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new ModelFormatException(file, "does not exist", e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** If the thread was interrupted, the file is not at fault. */
  public static IOException unreadable(Path file, IOException cause) {
    if (cause instanceof ClosedByInterruptException) {
      var interrupted = new InterruptedIOException(file + ": reading was interrupted");
      interrupted.initCause(cause);
      return interrupted;
    }
    return new ModelFormatException(file, "cannot be read: " + Shown.text(cause, 200), cause);
  }
}
