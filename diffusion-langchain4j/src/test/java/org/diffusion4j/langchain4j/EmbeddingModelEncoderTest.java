package org.diffusion4j.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.output.Response;
import java.util.List;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class EmbeddingModelEncoderTest {

  /** Embeds a text as its length and the code of its first letter. */
  private static class Lengths implements EmbeddingModel {

    @Override
    public Response<List<Embedding>> embedAll(List<TextSegment> texts) {
      return Response.from(
          texts.stream()
              .map(
                  text -> Embedding.from(new float[] {text.text().length(), text.text().charAt(0)}))
              .toList());
    }

    @Override
    public int dimension() {
      return 2;
    }
  }

  private final EmbeddingModelEncoder encoder = EmbeddingModelEncoder.of(new Lengths());

  private static float[] floats(INDArray array) {
    return array.dup('c').data().asFloat();
  }

  @Test
  void encode_givesOneTokenForEachText_andZerosForBlankOnes() {
    try (Embeddings encoded = encoder.encode(List.of("abc", " ", "z", ""))) {
      assertThat(encoded.tokens().shape()).isEqualTo(new long[] {4, 1, 2});
      assertThat(floats(encoded.tokens())).containsExactly(3, 'a', 0, 0, 1, 'z', 0, 0);
      assertThat(encoded.pooled()).isNull();
      assertThat(encoded.mask()).isNull();
    }
    assertThat(encoder.tokens()).isEqualTo(1);
    assertThat(encoder.width()).isEqualTo(2);
  }

  @Test
  void encode_ofBlankTexts_asksNoModel() {
    EmbeddingModelEncoder failing =
        EmbeddingModelEncoder.of(
            new Lengths() {
              @Override
              public Response<List<Embedding>> embedAll(List<TextSegment> texts) {
                throw new AssertionError();
              }
            });
    try (Embeddings encoded = failing.encode(List.of(""))) {
      assertThat(floats(encoded.tokens())).containsExactly(0, 0);
    }
  }

  @Test
  void withPooled_repeatsTheToken() {
    Embeddings encoded = encoder.withPooled().encode(List.of("abc", "z"));
    assertThat(encoded.pooled().shape()).isEqualTo(new long[] {2, 2});
    assertThat(floats(encoded.pooled())).isEqualTo(floats(encoded.tokens()));
    encoded.close();
    assertThat(encoded.tokens().wasClosed()).isTrue();
    assertThat(encoded.pooled().wasClosed()).isTrue();
  }

  @Test
  void denoiser_takesTheEmbeddings() {
    Mlp.Config config = new Mlp.Config(3, 8, 1).withEmbeddings(encoder.width());
    try (Mlp model = Mlp.create(config, NoiseSchedule.linear(100), 1);
        Embeddings prompts = encoder.encode(List.of("a", "bb"));
        Embeddings empty = encoder.encode(List.of(""))) {
      INDArray xt = Nd4j.ones(DataType.FLOAT, 2, 3);
      INDArray t = Nd4j.createFromArray(5f, 5f);
      float[] predicted = floats(model.predict(xt, t, prompts));
      assertThat(predicted).hasSize(6);
      assertThat(floats(model.predict(xt, t, prompts.withUnconditional(empty).unconditional())))
          .isNotEqualTo(predicted);
    }
  }

  @Test
  void badInput_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> encoder.encode(List.of()))
        .withMessage("prompts must be at least 1 but were 0");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                EmbeddingModelEncoder.of(
                    new Lengths() {
                      @Override
                      public int dimension() {
                        return 0;
                      }
                    }))
        .withMessage("dimension of the embedding model must be at least 1 but was 0");
  }

  @Test
  void embeddingsThatDoNotFit_areRefused() {
    assertThatIllegalStateException()
        .isThrownBy(() -> of(List.of()).encode(List.of("a")))
        .withMessage("embeddings must be one per text, 1, but were 0");
    assertThatIllegalStateException()
        .isThrownBy(() -> of(List.of(Embedding.from(new float[3]))).encode(List.of("a")))
        .withMessage("embeddings must have the model's dimension, 2, but one has 3");
  }

  private static EmbeddingModelEncoder of(List<Embedding> embeddings) {
    return EmbeddingModelEncoder.of(
        new Lengths() {
          @Override
          public Response<List<Embedding>> embedAll(List<TextSegment> texts) {
            return Response.from(embeddings);
          }
        });
  }
}
