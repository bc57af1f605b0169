package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Sampling of a model that takes embeddings: the mean of each sample is that of its tokens. */
class EmbeddingsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final float[][][] TOKENS = {
    {{1, 0}, {0, 1}}, {{-2, 0}, {-2, 1}}, {{0.5f, 1}, {0.5f, 1}}
  };

  private final List<INDArray> seen = new ArrayList<>();
  private int calls;

  /** Samples of no deviation at the mean of the tokens. */
  private final class MeanOfTokens implements Denoiser {

    @Override
    public NoiseSchedule schedule() {
      return SCHEDULE;
    }

    @Override
    public long[] sampleShape() {
      return new long[] {2};
    }

    @Override
    public Prediction prediction() {
      return Prediction.SAMPLE;
    }

    @Override
    public Condition.Takes takes() {
      return Condition.Takes.nothing().withEmbeddings(2);
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      takes().require(condition, (int) xt.size(0));
      INDArray tokens = condition.part(Condition.Embeddings.class).orElseThrow().tokens();
      seen.add(tokens);
      calls++;
      return tokens.mean(1);
    }
  }

  private static Condition.Embeddings texts() {
    return Condition.embeddings(Nd4j.createFromArray(TOKENS));
  }

  private static Condition.Embeddings one(float a, float b) {
    return Condition.embeddings(Nd4j.createFromArray(new float[][][] {{{a, b}, {a, b}}}));
  }

  private float[] sample(Denoiser model, Condition condition) {
    SamplingRequest request =
        SamplingRequest.builder(3).seed(0).batchSize(2).condition(condition).build();
    return SamplerMechanics.samples(new DdimSampler(5), model, request);
  }

  @Test
  void samples_areOfTheirEmbeddings() {
    assertThat(sample(new MeanOfTokens(), texts()))
        .usingComparatorWithPrecision(1e-5f)
        .containsExactly(0.5f, 0.5f, -2, 0.5f, 0.5f, 1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void guidance_leadsAwayFromTheEmptyText(boolean twoCalls) {
    ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(new MeanOfTokens(), 3);
    Denoiser guided = (twoCalls ? builder.twoCalls() : builder).build();
    Condition texts = texts().withUnconditional(one(0.25f, -1));
    float[] samples = sample(guided, texts);
    float[] means = {0.5f, 0.5f, -2, 0.5f, 0.5f, 1};
    for (int k = 0; k < 6; k++) {
      double u = k % 2 == 0 ? 0.25 : -1;
      assertThat((double) samples[k]).isCloseTo(u + 3 * (means[k] - u), within(1e-4));
    }
    assertThat(texts.part(Condition.Embeddings.class).orElseThrow().tokens().wasClosed()).isFalse();
    // What guidance made for a doubled batch, or for the second call, is freed.
    assertThat(seen.get(twoCalls ? 1 : 0).wasClosed()).isTrue();
    assertThat(calls).isEqualTo(twoCalls ? 20 : 10);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void guidance_leadsAwayFromATextOfEachSample(boolean twoCalls) {
    ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(new MeanOfTokens(), 2);
    Denoiser guided = (twoCalls ? builder.twoCalls() : builder).build();
    float[][][] away = {{{1, 2}, {1, 2}}, {{0, 1}, {0, 1}}, {{3, 0}, {3, 0}}};
    Condition texts = texts().withUnconditional(Condition.embeddings(Nd4j.createFromArray(away)));
    assertThat(sample(guided, texts))
        .usingComparatorWithPrecision(1e-4f)
        .containsExactly(0, -1, -4, 0, -2, 2);
  }

  @Test
  void guidance_leadsAwayFromANegativeText() {
    Denoiser guided =
        ClassifierFreeGuidance.builder(new MeanOfTokens(), 2).negative(one(1, 2)).build();
    assertThat(sample(guided, texts()))
        .usingComparatorWithPrecision(1e-4f)
        .containsExactly(0, -1, -5, -1, 0, 0);
  }

  @Test
  void guidance_withoutTheEmptyText_saysSoBeforeTheModelIsAsked() {
    assertThatIllegalStateException()
        .isThrownBy(() -> sample(ClassifierFreeGuidance.of(new MeanOfTokens(), 2), texts()))
        .withMessageContaining("withUnconditional");
    assertThat(calls).isZero();
  }

  @Test
  void condition_thatTheModelDoesNotTake_isNamedBeforeTheFirstStep() {
    assertRefused(
        Condition.labels(1, 2, 3),
        "condition must be of embeddings, which the model accepts, but was"
            + " Condition[labels=[1, 2, 3]]");
    assertRefused(
        Condition.none(), "condition must have embeddings of width 2, which the model accepts");
    assertRefused(
        Condition.embeddings(Nd4j.createFromArray(new float[3][1][4])),
        "width of embeddings must be 2, which the model accepts, but was 4");
    Condition closed = texts();
    closed.part(Condition.Embeddings.class).orElseThrow().tokens().close();
    assertRefused(closed, "embeddings must not be closed while they are in use");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                ClassifierFreeGuidance.builder(new MeanOfTokens(), 2)
                    .negative(Condition.labels(1))
                    .build())
        .withMessageContaining("condition must be of embeddings, which the model accepts");
  }

  private void assertRefused(Condition condition, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sample(new MeanOfTokens(), condition))
        .withMessage(message);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sample(ClassifierFreeGuidance.of(new MeanOfTokens(), 2), condition))
        .withMessage(message);
    assertThat(calls).isZero();
  }
}
