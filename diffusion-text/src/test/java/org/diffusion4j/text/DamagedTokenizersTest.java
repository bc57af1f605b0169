package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.ModelFormatException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Directories with faults, and old ones. */
class DamagedTokenizersTest {

  private static final String CONFIG = "tokenizer_config.json";

  @TempDir Path folder;

  @BeforeEach
  void copy() throws IOException {
    for (String file : List.of("vocab.json", "merges.txt", CONFIG, "special_tokens_map.json")) {
      Files.copy(ClipTokenizerTest.TINY.resolve(file), folder.resolve(file));
    }
  }

  private void replace(String file, String old, String changed) throws IOException {
    String text = Files.readString(folder.resolve(file));
    assertThat(text).contains(old);
    Files.writeString(folder.resolve(file), text.replace(old, changed));
  }

  private void assertRefused(String file, String problem) {
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> ClipTokenizer.read(folder))
        .withMessageStartingWith(folder.resolve(file) + ": ")
        .withMessageContaining(problem)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(500));
  }

  @ParameterizedTest
  @ValueSource(strings = {"vocab.json", "merges.txt"})
  void read_withoutFile_namesIt(String file) throws IOException {
    Files.delete(folder.resolve(file));
    assertRefused(file, "does not exist");
  }

  @ParameterizedTest
  @ValueSource(strings = {"vocab.json", "merges.txt", CONFIG})
  void read_folderInPlaceOfFile_isRefused(String file) throws IOException {
    Files.delete(folder.resolve(file));
    Files.createDirectory(folder.resolve(file));
    assertRefused(file, "must be a regular file");
  }

  @ParameterizedTest
  @ValueSource(strings = {"vocab.json", "merges.txt", CONFIG})
  void read_otherEncoding_isRefused(String file) throws IOException {
    Files.write(folder.resolve(file), "{\"\u00E9\": 1}".getBytes(StandardCharsets.ISO_8859_1));
    assertRefused(file, "must be UTF-8 but is not");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "|must hold a JSON object",
        "[1]|must hold a JSON object",
        "{\"a\": 1|line 1, column",
        "{\"a\": 1} 2|nothing may follow the JSON object",
        "{\"a\": 1, \"a\": 2}|names must be unique but \"a\" is there twice",
        "{\"a\": 1, \"b\": 1}|ids must differ but 1 is that of \"b\" and of another token",
        "{\"a\": -1}|ids must be integers in [0, 10000000) but that of \"a\" is -1",
        "{\"a\": 10000000}|ids must be integers in [0, 10000000) but that of \"a\" is 10000000",
        "{\"a\": 1e3}|ids must be integers in [0, 10000000) but that of \"a\" is 1000.0",
        "{\"a\": \"b\"}|ids must be integers in [0, 10000000) but that of \"a\" is b",
      })
  void read_vocabularyWithFault_namesIt(String text, String problem) throws IOException {
    Files.writeString(folder.resolve("vocab.json"), text == null ? "" : text);
    assertRefused("vocab.json", problem);
  }

  @Test
  void read_deepVocabulary_isRefused() throws IOException {
    Files.writeString(folder.resolve("vocab.json"), "{\"a\": " + "[".repeat(100_000));
    assertRefused("vocab.json", "depth");
  }

  @Test
  void read_hugeFile_isRefusedBeforeItIsRead() throws IOException {
    try (var file = new java.io.RandomAccessFile(folder.resolve("vocab.json").toFile(), "rw")) {
      file.setLength(1L << 40);
    }
    assertRefused("vocab.json", "length must be at most 67108864 bytes but was 1099511627776");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "i n t|line 2: must be two symbols with a space between but is \"i n t\"",
        "int|line 2: must be two symbols with a space between but is \"int\"",
        "i zz|line 2: vocab.json lacks the symbol made by \"i zz\"",
        "t h|line 3: pairs must differ but there is twice \"t h\"",
      })
  void read_mergesWithFault_nameTheLine(String line, String problem) throws IOException {
    replace("merges.txt", "\ni n\n", "\n" + line + "\n");
    assertRefused("merges.txt", problem);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "\"pad_token\": \"<|endoftext|>\";\"pad_token\": \"[PAD]\";\"[PAD]\" is not",
        "\"pad_token\": \"<|endoftext|>\";\"pad_token\": 3;pad_token must be a string",
        "\"model_max_length\": 77;\"model_max_length\": 1;must be in [2, 100000] but was 1",
        "\"model_max_length\": 77;\"model_max_length\": \"x\";must be in [2, 100000] but was x",
        "\"1001\";\"1002\";with id 1002",
        "\"1001\";\"x\";ids must be in [0, 10000000) but one is x",
        "\"single_word\": false;\"single_word\": true;single_word must be false",
      })
  void read_configWithFault_namesIt(String old, String changed, String problem) throws IOException {
    replace(CONFIG, old, changed);
    assertRefused(CONFIG, problem);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"\"model_max_length\": 1000000000000000019884624838656", "\"unlimited\": true"})
  void read_withoutLimit_is77(String setting) throws IOException {
    replace(CONFIG, "\"model_max_length\": 77", setting);
    assertThat(ClipTokenizer.read(folder).maxLength()).isEqualTo(77);
  }

  @Test
  void read_vocabularyAndMergesAlone_hasClipsTokens() throws IOException {
    Files.delete(folder.resolve(CONFIG));
    Files.delete(folder.resolve("special_tokens_map.json"));
    ClipTokenizer tokenizer = ClipTokenizer.read(folder);
    assertThat(tokenizer.maxLength()).isEqualTo(77);
    assertThat(tokenizer.encode("a!").ids()).startsWith(1000, 320, 256, 1001, 1001);
  }

  /** As Stable Diffusion 2 has it: the map names another padding than the configuration. */
  @Test
  void read_configWithoutList_takesTheMapsTokens() throws IOException {
    Files.writeString(folder.resolve(CONFIG), "{\"pad_token\": \"<|endoftext|>\"}");
    Files.writeString(folder.resolve("special_tokens_map.json"), "{\"pad_token\": \"!\"}");
    assertThat(ClipTokenizer.read(folder).encode("a!").ids()).startsWith(1000, 320, 0, 1001, 0);
  }

  @Test
  void read_addedTokens_areKeptWhole() throws IOException {
    Files.writeString(folder.resolve(CONFIG), "{\"model_max_length\": 8}");
    Files.writeString(
        folder.resolve("added_tokens.json"), "{\"<cat>\": 1002, \"<cat>-Toy\": 1003}");
    ClipTokenizer tokenizer = ClipTokenizer.read(folder);
    assertThat(tokenizer.vocabularySize()).isEqualTo(1004);
    assertThat(tokenizer.encode("a <cat>, a<cat>-Toy").ids())
        .containsExactly(1000, 320, 1002, 267, 320, 1003, 1001, 1001);
  }

  @Test
  void read_addedTokenWithAnIdOfAnotherFile_isRefused() throws IOException {
    Files.writeString(folder.resolve(CONFIG), "{}");
    Files.writeString(folder.resolve("added_tokens.json"), "{\"!\": 7}");
    assertRefused("added_tokens.json", "there is \"!\" with id 7");
  }
}
