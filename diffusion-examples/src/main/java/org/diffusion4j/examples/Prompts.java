package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Texts of a file, one a line, and the names of the pictures of them. */
final class Prompts {

  private static final int MOST_BYTES = 10_000_000;
  private static final int LONGEST_NAME = 60;

  private Prompts() {}

  /**
   * Reads the lines of a file in UTF-8 that are not blank.
   *
   * @throws IOException naming the file, if it cannot be read, is too large or has no such line
   */
  static List<String> read(Path file) throws IOException {
    if (Files.isRegularFile(file) && Files.size(file) > MOST_BYTES) {
      throw new IOException(file + ": must have at most " + MOST_BYTES + " bytes");
    }
    List<String> prompts;
    try {
      prompts =
          Files.readAllLines(file).stream().map(String::strip).filter(s -> !s.isEmpty()).toList();
    } catch (MalformedInputException e) {
      throw new IOException(file + ": must be UTF-8 but is not", e);
    }
    if (prompts.isEmpty()) {
      throw new IOException(file + ": must have at least one line with a text");
    }
    return prompts;
  }

  /**
   * A name that is safe on every file system: the number of the prompt, and its letters and digits
   * as far as they fit.
   *
   * @param number from 1
   */
  static String fileName(int number, String prompt) {
    String words = prompt.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    words = words.substring(0, Math.min(LONGEST_NAME, words.length())).replaceAll("^-+|-+$", "");
    return String.format(Locale.ROOT, "%04d%s%s.png", number, words.isEmpty() ? "" : "-", words);
  }
}
