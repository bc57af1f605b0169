package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.util.List;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.data.LoggedText;
import org.diffusion4j.text.ClipTextModel.Config;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ClipTextEncoderTest {

  private static final Config CONFIG = Config.of(1002, 77, 8, 3, 2);
  private static final List<String> PROMPTS = List.of("a red dragon", "");

  private static ClipTokenizer tokenizer;
  private static ClipTextModel first;
  private static ClipTextModel second;
  private static ClipTextEncoder encoder;
  private static ClipTextEncoder xl;

  @BeforeAll
  static void create() throws IOException {
    tokenizer = ClipTokenizer.read(ClipTokenizerTest.TINY);
    first = ClipTextModel.create(CONFIG, 1);
    second = ClipTextModel.create(Config.of(1002, 80, 12, 4, 3).withProjection(5), 2);
    encoder = ClipTextEncoder.of(tokenizer, first);
    xl = ClipTextEncoder.xl(List.of(encoder, ClipTextEncoder.of(tokenizer, second)));
  }

  @AfterAll
  static void close() {
    xl.close();
  }

  private static int[][] ids() {
    return PROMPTS.stream().map(p -> tokenizer.encode(p).ids()).toArray(int[][]::new);
  }

  private static void assertSame(INDArray actual, INDArray expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.dup('c').data().asFloat()).isEqualTo(expected.dup('c').data().asFloat());
  }

  @Test
  void encode_givesTheLastHiddenState() {
    try (Embeddings encoded = encoder.encode(PROMPTS);
        Embeddings expected = first.outputs(ids(), null, 0, true)) {
      assertThat(encoded.tokens().shape())
          .isEqualTo(new long[] {2, encoder.tokens(), encoder.width()});
      assertSame(encoded.tokens(), expected.tokens());
      assertThat(encoded.pooled()).isNull();
      assertThat(encoded.mask()).isNull();
    }
  }

  @Test
  void clipSkip_leavesOutBlocks() {
    try (Embeddings encoded = encoder.withClipSkip(2).encode(PROMPTS);
        Embeddings expected = first.outputs(ids(), null, 2, true);
        Embeddings none = encoder.withClipSkip(1).withClipSkip(0).encode(PROMPTS);
        Embeddings last = encoder.encode(PROMPTS)) {
      assertSame(encoded.tokens(), expected.tokens());
      assertSame(none.tokens(), last.tokens());
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> encoder.withClipSkip(4))
        .withMessage("clip skip must be in [0, 3] but was 4");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> xl.withClipSkip(3))
        .withMessage("clip skip must be in [0, 2] but was 3");
    assertThatIllegalArgumentException().isThrownBy(() -> encoder.withClipSkip(-1));
  }

  @Test
  void xl_putsPenultimateStatesSideBySide() {
    for (int skip = 0; skip <= 1; skip++) {
      try (Embeddings encoded = xl.withClipSkip(skip).encode(PROMPTS);
          Embeddings left = first.outputs(ids(), null, skip + 1, false);
          Embeddings right = second.outputs(ids(), null, skip + 1, false)) {
        assertThat(encoded.tokens().shape()).isEqualTo(new long[] {2, xl.tokens(), xl.width()});
        assertSame(encoded.tokens(), Nd4j.concat(2, left.tokens(), right.tokens()));
        assertSame(encoded.pooled(), right.pooled());
      }
    }
  }

  @Test
  void xl_ofOneEncoder_isThatOfARefiner() {
    try (Embeddings encoded =
            ClipTextEncoder.xl(List.of(ClipTextEncoder.of(tokenizer, second))).encode(PROMPTS);
        Embeddings expected = second.outputs(ids(), null, 1, false)) {
      assertSame(encoded.tokens(), expected.tokens());
      assertSame(encoded.pooled(), expected.pooled());
    }
  }

  @Test
  void maskedModel_readsTheMask() {
    try (ClipTextModel model = ClipTextModel.create(CONFIG.withMask(), 1);
        ClipTextEncoder masked = ClipTextEncoder.of(tokenizer, model);
        Embeddings encoded = masked.encode(PROMPTS)) {
      int[][] mask = PROMPTS.stream().map(p -> tokenizer.encode(p).mask()).toArray(int[][]::new);
      try (Embeddings expected = model.outputs(ids(), mask, 0, true)) {
        assertSame(encoded.tokens(), expected.tokens());
      }
    }
  }

  @Test
  void longPrompt_isCut_andSaidOnce() throws IOException {
    List<String> prompts = List.of("a b ".repeat(100), "short", "a b ".repeat(100));
    List<String> log = LoggedText.of(() -> xl.encode(prompts).close());
    assertThat(log).hasSize(1);
    assertThat(log.get(0)).contains("prompts of more than 77 tokens were cut: a b a b ");
  }

  @Test
  void closing_freesTheArrays() {
    Embeddings encoded = xl.encode(PROMPTS);
    encoded.close();
    assertThat(encoded.tokens().wasClosed()).isTrue();
    assertThat(encoded.pooled().wasClosed()).isTrue();
  }

  @Test
  void closedEncoder_isRefused() {
    ClipTextEncoder closed = ClipTextEncoder.of(tokenizer, ClipTextModel.create(CONFIG, 1));
    closed.withClipSkip(1).close();
    assertThatIllegalStateException().isThrownBy(() -> closed.encode(PROMPTS));
  }

  @Test
  void badInput_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> encoder.encode(List.of()))
        .withMessage("prompts must be at least 1 but were 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClipTextEncoder.xl(List.of()))
        .withMessage("encoders must be at least 1 but were 0");
    try (ClipTextModel few = ClipTextModel.create(Config.of(1001, 77, 8, 1, 1), 1);
        ClipTextModel shorter = ClipTextModel.create(Config.of(1002, 76, 8, 1, 1), 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> ClipTextEncoder.of(tokenizer, few))
          .withMessage(
              "ids must be within the model's vocabulary of 1001 but the tokenizer has 1002");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> ClipTextEncoder.of(tokenizer, shorter))
          .withMessage(
              "tokens of a text must be at most the model's positions, 76, but the tokenizer makes"
                  + " 77");
    }
  }
}
