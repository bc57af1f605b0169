package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.Json;
import org.jspecify.annotations.Nullable;

/**
 * What {@code tokenizer_config.json}, {@code special_tokens_map.json} and {@code added_tokens.json}
 * say; all three may be absent.
 *
 * <p>The latter two belong to old directories: they do not count if the first lists the added
 * tokens.
 */
final class TokenizerSettings {

  /** Exclusive. */
  static final int MAX_ID = 10_000_000;

  private static final int MAX_LENGTH = 100_000;
  private static final int DEFAULT_LENGTH = 77;

  private static final String ADDED = "added_tokens_decoder";
  private static final String END_OF_TEXT = "<|endoftext|>";

  private static final Map<String, String> DEFAULTS =
      Map.of(
          "bos_token", "<|startoftext|>",
          "eos_token", END_OF_TEXT,
          "unk_token", END_OF_TEXT,
          "pad_token", END_OF_TEXT);

  private final Path file;
  private final Map<String, @Nullable Object> json;
  private final Map<String, Integer> vocabulary;
  private final Map<String, Integer> special = new LinkedHashMap<>();

  private TokenizerSettings(
      Path file, Map<String, @Nullable Object> json, Map<String, Integer> vocabulary) {
    this.file = file;
    this.json = json;
    this.vocabulary = vocabulary;
  }

  static TokenizerSettings read(Path directory, Map<String, Integer> vocabulary)
      throws IOException {
    Path file = directory.resolve(TokenizerFiles.CONFIG);
    Map<String, @Nullable Object> json = new LinkedHashMap<>(optional(file));
    var settings = new TokenizerSettings(file, json, vocabulary);
    if (json.get(ADDED) == null) {
      json.putAll(optional(directory.resolve(TokenizerFiles.SPECIAL_TOKENS)));
      Path added = directory.resolve(TokenizerFiles.ADDED_TOKENS);
      for (Map.Entry<String, Integer> token :
          TokenizerFiles.ids(added, optional(added)).entrySet()) {
        settings.add(added, token.getKey(), token.getValue());
      }
    } else {
      settings.addListed();
    }
    settings.addNamed();
    return settings;
  }

  private static Map<String, @Nullable Object> optional(Path file) throws IOException {
    return Files.exists(file) ? Json.read(file) : Map.of();
  }

  /** The tokens that the file lists with their ids. */
  private void addListed() throws ModelFormatException {
    if (!(json.get(ADDED) instanceof Map<?, ?> listed)) {
      throw new ModelFormatException(file, ADDED + " must be an object");
    }
    for (Map.Entry<?, ?> token : listed.entrySet()) {
      String id = (String) token.getKey();
      if (!id.matches("\\d{1,7}")) {
        throw new ModelFormatException(
            file, ADDED + ": ids must be in [0, " + MAX_ID + ") but one is " + Shown.text(id));
      }
      add(file, content(ADDED, token.getValue()), Integer.parseInt(id));
    }
  }

  /** The tokens that have a name, and those that are only special. */
  private void addNamed() throws ModelFormatException {
    List<String> contents = new ArrayList<>();
    for (String name : DEFAULTS.keySet()) {
      contents.add(content(name));
    }
    if (json.get("additional_special_tokens") instanceof List<?> more) {
      for (Object token : more) {
        contents.add(content("additional_special_tokens", token));
      }
    }
    for (String content : contents) {
      if (!special.containsKey(content)) {
        Integer id = vocabulary.get(content);
        if (id == null) {
          throw new ModelFormatException(
              file,
              "special tokens must be in "
                  + TokenizerFiles.VOCABULARY
                  + " or among the added tokens but \""
                  + Shown.text(content)
                  + "\" is not");
        }
        special.put(content, id);
      }
    }
  }

  private void add(Path source, String content, int id) throws ModelFormatException {
    Integer known = vocabulary.getOrDefault(content, id);
    if (content.isEmpty() || known != id || special.putIfAbsent(content, id) != null) {
      throw new ModelFormatException(
          source,
          "added tokens must not be empty, must differ and have the ids of "
              + TokenizerFiles.VOCABULARY
              + " but there is \""
              + Shown.text(content)
              + "\" with id "
              + id);
    }
  }

  private String content(String name) throws ModelFormatException {
    @Nullable Object token = json.get(name);
    return content(name, token == null ? DEFAULTS.getOrDefault(name, END_OF_TEXT) : token);
  }

  /** The text of a token, which is a string or an object with flags. */
  private String content(String name, @Nullable Object token) throws ModelFormatException {
    if (token instanceof Map<?, ?> object && object.get("content") instanceof String content) {
      if (Boolean.TRUE.equals(object.get("single_word"))) {
        throw new ModelFormatException(
            file, name + ": single_word must be false but is true for " + Shown.text(content));
      }
      return content;
    }
    if (token instanceof String content) {
      return content;
    }
    throw new ModelFormatException(
        file, name + " must be a string or an object with content but is " + Shown.text(token));
  }

  /** The id of a token by its name in the file, such as {@code pad_token}. */
  int id(String name) throws ModelFormatException {
    return special.getOrDefault(content(name), 0);
  }

  /** All special tokens with their ids. */
  Map<String, Integer> specialTokens() {
    return special;
  }

  /** 77 if there is none: the library that writes these files writes 1e30 for "no limit". */
  int maxLength() throws ModelFormatException {
    @Nullable Object length = json.get("model_max_length");
    if (length == null || (length instanceof Double d && d >= 1e9)) {
      return DEFAULT_LENGTH;
    }
    if (length instanceof Long n && n >= 2 && n <= MAX_LENGTH) {
      return n.intValue();
    }
    throw new ModelFormatException(
        file, "model_max_length must be in [2, " + MAX_LENGTH + "] but was " + Shown.text(length));
  }
}
