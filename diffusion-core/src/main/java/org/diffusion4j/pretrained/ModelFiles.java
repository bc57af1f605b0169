package org.diffusion4j.pretrained;

import com.google.common.base.Ascii;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/** What the readers of model files share: opening, and values in messages. */
final class ModelFiles {

  private ModelFiles() {}

  /** Opens a regular file for reading. Pipes and devices are refused: they may never end. */
  static FileChannel open(Path file) throws ModelFormatException {
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

  static ModelFormatException unreadable(Path file, IOException cause) {
    return new ModelFormatException(file, "cannot be read: " + cause, cause);
  }

  /** A value as a message shows it: short, whatever a file may hold. */
  static String show(@Nullable Object value) {
    return Ascii.truncate(String.valueOf(value), 100, "...");
  }
}
