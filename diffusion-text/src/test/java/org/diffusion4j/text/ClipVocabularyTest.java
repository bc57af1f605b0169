package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClipVocabularyTest {

  @TempDir private Path folder;

  @Test
  void mergesTheMostFrequentPairFirst() throws IOException {
    save(List.of("aab", "aab", "ab"), 3);

    assertThat(Files.readAllLines(folder.resolve("t/merges.txt")))
        .containsExactly("#version: 0.2", "a b</w>");
  }

  @Test
  void frequentWordsAreOneTokenAndOthersPieces() throws IOException {
    ClipTokenizer tokenizer =
        save(List.of("green apple", "green heart", "Apple, \"heart\"", "piñata"), 2);

    assertThat(tokenizer.ids("Green Apple heart")).hasSize(2 + 3);
    assertThat(tokenizer.ids("piñata")).hasSizeGreaterThan(3);
  }

  @Test
  void everyTextHasIdsWithinTheVocabulary() throws IOException {
    ClipVocabulary vocabulary = ClipVocabulary.learn(List.of("\\ \" é"), 1, 24);
    vocabulary.save(folder.resolve("t"));
    ClipTokenizer tokenizer = ClipTokenizer.read(folder.resolve("t"));

    assertThat(tokenizer.vocabularySize()).isEqualTo(vocabulary.size());
    assertThat(tokenizer.maxLength()).isEqualTo(24);
    assertThat(Arrays.stream(tokenizer.ids("\\ \" é 日本 unseen words")))
        .hasSizeGreaterThan(12)
        .allMatch(id -> id >= 0 && id < vocabulary.size());
  }

  @Test
  void markersInTextsAreNotLearned() throws IOException {
    assertThat(ClipVocabulary.learn(List.of("<|endoftext|> <|endoftext|>"), 2, 8).size())
        .isEqualTo(514);
  }

  @Test
  void twoVocabulariesOfTheSameTextsAreEqualByteByByte() throws IOException {
    save(List.of("a red heart", "a blue heart"), 1);
    byte[] first = Files.readAllBytes(folder.resolve("t/vocab.json"));
    save(List.of("a blue heart", "a red heart"), 1);

    assertThat(Files.readAllBytes(folder.resolve("t/vocab.json"))).isEqualTo(first);
  }

  @Test
  void badNumbersAreRefused() {
    assertThatThrownBy(() -> ClipVocabulary.learn(List.of("a"), 0, 8))
        .hasMessage("frequency must be at least 1 but was 0");
    assertThatThrownBy(() -> ClipVocabulary.learn(List.of("a"), 1, 1))
        .hasMessage("max length must be at least 2 but was 1");
  }

  private ClipTokenizer save(List<String> texts, int frequency) throws IOException {
    ClipVocabulary.learn(texts, frequency, 24).save(folder.resolve("t"));
    return ClipTokenizer.read(folder.resolve("t"));
  }
}
