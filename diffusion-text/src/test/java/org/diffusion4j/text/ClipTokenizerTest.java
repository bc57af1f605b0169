package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.diffusion4j.internal.common.Shown;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class ClipTokenizerTest {

  static final Path TINY = Path.of("src/test/resources/reference/tokenizer/clip_tiny");

  private static final Path ODD = Path.of("src/test/resources/org/diffusion4j/text/odd-texts.json");

  private static final int START = 1000;
  private static final int END = 1001;

  private static final ClipTokenizer TOKENIZER = read(TINY);

  private static ClipTokenizer read(Path directory) {
    try {
      return ClipTokenizer.read(directory);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** What transformers 4.57.6 gives in Python 3.11. */
  @TestFactory
  Stream<DynamicTest> ids_ofOddTexts_areThoseOfTheReference(@TempDir Path folder)
      throws IOException {
    ClipTokenizer paddedWithMark =
        ClipTokenizer.read(TokenizerReferenceTest.paddedWith("!", TINY, folder.resolve("mark")));
    return ((List<?>) json(ODD).get("cases"))
        .stream()
            .map(Map.class::cast)
            .map(
                json ->
                    DynamicTest.dynamicTest(
                        "text: " + Shown.text(json.get("text")),
                        () -> {
                          String text = (String) json.get("text");
                          Object basic = json.get("basic");
                          assertThat(TOKENIZER.ids(text)).isEqualTo(ints(basic));
                          Object other = json.get("padded_with_mark");
                          assertThat(paddedWithMark.ids(text))
                              .isEqualTo(ints(other == null ? basic : other));
                        }));
  }

  @Test
  void encode_shortText_isPadded() {
    Tokens tokens = TOKENIZER.encode("a");
    assertThat(tokens.ids()).hasSize(77).startsWith(START, 320, END, END).endsWith(END);
    assertThat(tokens.mask()).hasSize(77).startsWith(1, 1, 1, 0).endsWith(0);
    assertThat(tokens.used()).isEqualTo(3);
    assertThat(tokens.cut()).isZero();
    assertThat(tokens).hasToString("Tokens[1000, 320, 1001] of 77");
  }

  @Test
  void encode_longText_isCutBeforeTheEnd() {
    Tokens tokens = TOKENIZER.encode("a ".repeat(80));
    assertThat(tokens.ids()).hasSize(77).startsWith(START, 320).endsWith(320, END);
    assertThat(tokens.used()).isEqualTo(77);
    assertThat(tokens.cut()).isEqualTo(5);
  }

  @Test
  void encode_textThatJustFits_isWhole() {
    Tokens tokens = TOKENIZER.encode("a ".repeat(75));
    assertThat(tokens.used()).isEqualTo(77);
    assertThat(tokens.cut()).isZero();
  }

  @Test
  void tokens_areNotChangedByTheirCallers() {
    Tokens tokens = TOKENIZER.encode("a");
    tokens.ids()[0] = 7;
    tokens.mask()[0] = 7;
    assertThat(tokens).isEqualTo(TOKENIZER.encode("a")).hasSameHashCodeAs(TOKENIZER.encode("a"));
    assertThat(tokens).isNotEqualTo(TOKENIZER.encode("b"));
  }

  @Test
  void ids_null_isRefused() {
    assertThatNullPointerException().isThrownBy(() -> TOKENIZER.ids(null)).withMessage("text");
  }

  @Test
  void ids_textOverTheLimit_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TOKENIZER.ids(" ".repeat(1_000_001)))
        .withMessage("text must have at most 1000000 chars but has 1000001");
  }

  /**
   * One piece, many pieces, marks that normalisation sorts, sigmas that look at their surroundings.
   */
  @Test
  @Timeout(60)
  void ids_longText_takesNoSquareOfItsLength() {
    for (String part : List.of("a", "a ", "!", "\u0301\u0315\u0300", "\u03A3.", "<|endoftext|")) {
      assertThat(TOKENIZER.ids("e" + part.repeat(200_000 / part.length())))
          .as(part)
          .hasSizeGreaterThan(1000);
    }
  }

  @Property(tries = 300)
  void ids_anyText_beginAndEndAndExist(@ForAll String text) {
    int[] ids = TOKENIZER.ids(text);
    assertThat(ids).startsWith(START).endsWith(END).hasSizeGreaterThanOrEqualTo(2);
    assertThat(Arrays.stream(ids)).allMatch(id -> id >= 0 && id < TOKENIZER.vocabularySize());
  }

  /** Words do not see one another, unless one is an end of text that was split. */
  @Property(tries = 300)
  void ids_ofTwoTextsWithASpaceBetween_areThoseOfBoth(@ForAll String a, @ForAll String b) {
    assertThat(inner(a + " " + b))
        .isEqualTo(IntStream.concat(Arrays.stream(inner(a)), Arrays.stream(inner(b))).toArray());
  }

  private static int[] inner(String text) {
    int[] ids = TOKENIZER.ids(text);
    return Arrays.copyOfRange(ids, 1, ids.length - 1);
  }

  @Test
  void encode_inManyThreads_givesWhatOneThreadGets() {
    List<String> texts =
        IntStream.range(0, 200).mapToObj(i -> "a photo of " + i + " Dogs, \u03A3\u00E9").toList();
    List<Tokens> expected = texts.stream().map(TOKENIZER::encode).toList();
    assertThat(texts.parallelStream().map(TOKENIZER::encode).toList()).isEqualTo(expected);
  }

  @Test
  void description_saysSizes() {
    assertThat(TOKENIZER).hasToString("ClipTokenizer[vocabularySize=1002, maxLength=77]");
  }
}
