package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every text that the reference implementation encoded. */
class TokenizerReferenceTest {

  private static final String CASES = "_cases.json";

  @TempDir Path folder;

  @TestFactory
  Stream<DynamicTest> ids_areThoseOfTheReference() {
    return ReferenceCases.files("tokenizer").stream()
        .filter(file -> file.toString().endsWith(CASES))
        .flatMap(this::tests);
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ids_areThoseOfTheReference().count()).isGreaterThan(30);
    }
  }

  private Stream<DynamicTest> tests(Path file) {
    String name = file.getFileName().toString().replace(CASES, "");
    ClipTokenizer tokenizer;
    ClipTokenizer paddedWithMark;
    try {
      tokenizer = ClipTokenizer.read(file.resolveSibling(name));
      paddedWithMark =
          ClipTokenizer.read(paddedWith("!", file.resolveSibling(name), folder.resolve(name)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (Object element : (List<?>) json(file).get("cases")) {
      @SuppressWarnings("unchecked")
      Map<String, Object> json = (Map<String, Object>) element;
      String text = (String) json.get("text");
      tests.add(
          DynamicTest.dynamicTest(
              name + " " + tests.size() + ": \"" + Shown.text(text) + "\"",
              () -> {
                assertThat(tokenizer.ids(text)).isEqualTo(ints(json.get("basic")));
                check(tokenizer.encode(text), json, "sd1");
                check(paddedWithMark.encode(text), json, "sd2");
              }));
    }
    return tests.stream();
  }

  private static void check(Tokens tokens, Map<String, Object> json, String kind) {
    assertThat(tokens.ids()).as(kind).isEqualTo(ints(json.get(kind + "_77")));
    assertThat(Arrays.stream(tokens.mask()).sum())
        .as(kind + " mask")
        .isEqualTo(json.get(kind + "_mask_ones"));
  }

  /** Copies a tokenizer, and changes the token for padding. */
  static Path paddedWith(String token, Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (String file : List.of("vocab.json", "merges.txt")) {
      Files.copy(from.resolve(file), to.resolve(file));
    }
    String config = Files.readString(from.resolve("tokenizer_config.json"));
    String changed =
        config.replace("\"pad_token\": \"<|endoftext|>\"", "\"pad_token\": \"" + token + "\"");
    assertThat(changed).isNotEqualTo(config);
    Files.writeString(to.resolve("tokenizer_config.json"), changed);
    return to;
  }
}
