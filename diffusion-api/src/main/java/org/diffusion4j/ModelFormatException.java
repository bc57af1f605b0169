package org.diffusion4j;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * A model file is missing, damaged or unsupported. The message starts with the path of the file and
 * says what is required and what was found.
 */
public final class ModelFormatException extends IOException {

  /** Maximum length of a problem's description. */
  private static final int MOST_CHARACTERS = 400;

  /**
   * @param file the faulty file
   * @param problem what is required and what was found
   */
  public ModelFormatException(Path file, String problem) {
    this(file, problem, null);
  }

  /**
   * @param file the faulty file
   * @param problem what is required and what was found
   * @param cause the cause, or null
   */
  public ModelFormatException(Path file, String problem, @Nullable Throwable cause) {
    super(file + ": " + Shown.text(problem, MOST_CHARACTERS), cause);
  }
}
