package org.diffusion4j.internal.common;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A small text file of the operating system with changing numbers. It stays open, because opening
 * takes ten times as long as reading.
 */
final class SystemFile {

  private static final int MOST_BYTES = 1 << 16;

  private final @Nullable RandomAccessFile file;
  private byte[] buffer = new byte[1 << 12];

  /** Opens a file. A file that cannot be opened has no lines. */
  SystemFile(Path path) {
    RandomAccessFile opened;
    try {
      opened = new RandomAccessFile(path.toFile(), "r");
    } catch (IOException e) {
      opened = null;
    }
    file = opened;
  }

  boolean exists() {
    return file != null;
  }

  /** The current lines. */
  synchronized List<String> lines() {
    if (file == null) {
      return List.of();
    }
    try {
      file.seek(0);
      int length = 0;
      int read;
      while ((read = file.read(buffer, length, buffer.length - length)) > 0) {
        length += read;
        if (length == buffer.length) {
          if (length >= MOST_BYTES) {
            break;
          }
          buffer = Arrays.copyOf(buffer, 2 * length);
        }
      }
      return new String(buffer, 0, length, StandardCharsets.ISO_8859_1).lines().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /** The number in the file, if it contains nothing else. */
  OptionalLong number() {
    List<String> lines = lines();
    return lines.size() == 1 ? first(lines.get(0)) : OptionalLong.empty();
  }

  /** The number after a name at the beginning of a line, in bytes. */
  static OptionalLong number(List<String> lines, String name) {
    for (String line : lines) {
      if (line.startsWith(name)
          && line.length() > name.length()
          && Character.isWhitespace(line.charAt(name.length()))) {
        OptionalLong number = first(line.substring(name.length()));
        return line.endsWith(" kB") && number.isPresent()
            ? OptionalLong.of(number.getAsLong() * 1024)
            : number;
      }
    }
    return OptionalLong.empty();
  }

  /** The number at the beginning of a text. */
  static OptionalLong first(String text) {
    String word = text.strip().split("\\s+", 2)[0];
    try {
      return OptionalLong.of(Long.parseLong(word));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }
}
