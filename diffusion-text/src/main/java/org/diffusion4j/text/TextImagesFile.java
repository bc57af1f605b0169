package org.diffusion4j.text;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.Json;
import org.jspecify.annotations.Nullable;

/** Reads {@code metadata.jsonl}, a JSON object a line. */
final class TextImagesFile {

  private static final String NAME = "metadata.jsonl";
  private static final long MOST_BYTES = 1L << 30;

  private final Path folder;
  private final Path file;

  private TextImagesFile(Path folder) {
    this.folder = folder.toAbsolutePath().normalize();
    file = folder.resolve(NAME);
  }

  record Row(String fileName, String text) {}

  static List<Row> read(Path folder) throws IOException {
    return new TextImagesFile(folder).read();
  }

  private List<Row> read() throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new ModelFormatException(
          file, "must be a file with file_name and text of each picture but is not there");
    }
    if (Files.size(file) > MOST_BYTES) {
      throw new ModelFormatException(
          file, "length must be at most " + MOST_BYTES + " bytes but was " + Files.size(file));
    }
    List<Row> rows = new ArrayList<>();
    int number = 0;
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          rows.add(row(line, number));
        }
      }
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file, "must be UTF-8 but is not, after line " + number, e);
    }
    if (rows.isEmpty()) {
      throw new ModelFormatException(file, "must have at least 1 line but has none");
    }
    return rows;
  }

  private Row row(String line, int number) throws IOException {
    Map<String, @Nullable Object> object;
    try {
      byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
      object = Json.read(file, "object of line " + number + ", ", new ByteArrayInputStream(bytes));
    } catch (ModelFormatException e) {
      throw new ModelFormatException(
          file, "line " + number + " must be a JSON object but is not", e);
    }
    String name = text(object, "file_name", number);
    requireImage(name, number);
    return new Row(name, text(object, "text", number));
  }

  private String text(Map<String, @Nullable Object> object, String key, int number)
      throws ModelFormatException {
    if (object.get(key) instanceof String text) {
      return text;
    }
    throw at(number, key + " must be a string but was " + Shown.text(object.get(key)));
  }

  private void requireImage(String name, int number) throws ModelFormatException {
    try {
      Path image = folder.resolve(name).normalize();
      if (Path.of(name).isAbsolute() || !image.startsWith(folder) || image.equals(folder)) {
        throw at(number, "file_name must be within the folder but was " + Shown.text(name));
      }
      if (!Files.isRegularFile(image)) {
        throw at(number, "file_name must be that of a file but was " + Shown.text(name));
      }
    } catch (InvalidPathException e) {
      throw at(number, "file_name must be a path but was " + Shown.text(name));
    }
  }

  private ModelFormatException at(int number, String problem) {
    return new ModelFormatException(file, "line " + number + ": " + problem);
  }
}
