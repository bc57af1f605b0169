package org.diffusion4j.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.Json;
import org.jspecify.annotations.Nullable;

/** The files of a tokenizer's directory, checked. */
record TokenizerFiles(
    BytePairs pairs,
    SpecialTokens specials,
    Map<String, Integer> markers,
    int maxLength,
    int vocabularySize,
    Map<String, byte[]> contents) {

  static final String VOCABULARY = "vocab.json";
  static final String MERGES = "merges.txt";
  static final String CONFIG = "tokenizer_config.json";
  static final String SPECIAL_TOKENS = "special_tokens_map.json";
  static final String ADDED_TOKENS = "added_tokens.json";

  /** 50 times the size of CLIP's own files. */
  private static final int MAX_BYTES = 64 << 20;

  /** As many as the original reads; what follows is not used. */
  private static final int MAX_MERGES = 49_152 - 256 - 2;

  static TokenizerFiles read(Path directory) throws IOException {
    Path file = directory.resolve(VOCABULARY);
    Map<String, Integer> vocabulary = ids(file, Json.read(file));
    TokenizerSettings settings = TokenizerSettings.read(directory, vocabulary);
    Map<String, Integer> special = settings.specialTokens();
    int unknown = settings.id("unk_token");

    List<String[]> merges = merges(directory.resolve(MERGES), vocabulary);
    Map<String, Integer> markers = new HashMap<>();
    for (String marker : Words.MARKERS) {
      markers.put(marker, special.getOrDefault(marker, vocabulary.getOrDefault(marker, unknown)));
    }
    int largest = 0;
    for (Map<String, Integer> ids : List.of(vocabulary, special)) {
      for (int id : ids.values()) {
        largest = Math.max(largest, id);
      }
    }
    return new TokenizerFiles(
        BytePairs.of(vocabulary, merges, unknown),
        SpecialTokens.of(
            settings.id("bos_token"), settings.id("eos_token"), settings.id("pad_token"), special),
        Map.copyOf(markers),
        settings.maxLength(),
        largest + 1,
        contents(directory));
  }

  /** The files that were read, by name. */
  private static Map<String, byte[]> contents(Path directory) throws IOException {
    Map<String, byte[]> contents = new HashMap<>();
    for (String name : List.of(VOCABULARY, MERGES, CONFIG, SPECIAL_TOKENS, ADDED_TOKENS)) {
      Path file = directory.resolve(name);
      if (Files.exists(file)) {
        contents.put(name, text(file).getBytes(StandardCharsets.UTF_8));
      }
    }
    return Map.copyOf(contents);
  }

  /** The ids of tokens, which must differ. */
  static Map<String, Integer> ids(Path file, Map<String, @Nullable Object> json)
      throws ModelFormatException {
    var ids = new HashMap<String, Integer>();
    Set<Integer> seen = new HashSet<>();
    for (Map.Entry<String, @Nullable Object> entry : json.entrySet()) {
      if (!(entry.getValue() instanceof Long id && id >= 0 && id < TokenizerSettings.MAX_ID)) {
        throw new ModelFormatException(
            file,
            "ids must be integers in [0, "
                + TokenizerSettings.MAX_ID
                + ") but that of \""
                + Shown.text(entry.getKey())
                + "\" is "
                + Shown.text(entry.getValue()));
      }
      if (!seen.add(id.intValue())) {
        throw new ModelFormatException(
            file,
            "ids must differ but "
                + id
                + " is that of \""
                + Shown.text(entry.getKey())
                + "\" and of another token");
      }
      ids.put(entry.getKey(), id.intValue());
    }
    return ids;
  }

  /** The pairs of a file of merges, whose first line names a version. */
  private static List<String[]> merges(Path file, Map<String, Integer> vocabulary)
      throws IOException {
    String[] lines = text(file).strip().split("\n", MAX_MERGES + 2);
    var merges = new ArrayList<String[]>();
    Set<String> seen = new HashSet<>();
    for (int i = 1; i < Math.min(lines.length, MAX_MERGES + 1); i++) {
      String line = lines[i].strip();
      String[] pair = line.split(" ", -1);
      if (pair.length != 2 || pair[0].isEmpty() || pair[1].isEmpty()) {
        throw line(file, i, "must be two symbols with a space between but is", line);
      }
      if (!vocabulary.containsKey(pair[0] + pair[1])) {
        throw line(file, i, VOCABULARY + " lacks the symbol made by", line);
      }
      if (!seen.add(line)) {
        throw line(file, i, "pairs must differ but there is twice", line);
      }
      merges.add(pair);
    }
    return merges;
  }

  private static ModelFormatException line(Path file, int line, String problem, String text) {
    return new ModelFormatException(
        file, "line " + (line + 1) + ": " + problem + " \"" + Shown.text(text) + "\"");
  }

  /** The text of a file in UTF-8. */
  private static String text(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new ModelFormatException(file, "must be a regular file");
    }
    try {
      long length = Files.size(file);
      if (length > MAX_BYTES) {
        throw new ModelFormatException(
            file, "length must be at most " + MAX_BYTES + " bytes but was " + length);
      }
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
          .toString();
    } catch (NoSuchFileException e) {
      throw new ModelFormatException(file, "does not exist", e);
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file, "must be UTF-8 but is not", e);
    }
  }
}
