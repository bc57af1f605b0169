package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Graphs of one's own that take embeddings and pictures. */
class ConditionInputsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final int FEATURES = 4;
  private static final int TOKENS = 3;
  private static final int WIDTH = 5;
  private static final int POOLED = 2;

  private static INDArray gaussian(long seed, long... shape) {
    return PlanAndSession.gaussian(new Random(seed), shape);
  }

  private static SDVariable weight(SameDiff sd, String name, long... shape) {
    return sd.var(name, gaussian(name.hashCode(), shape).muli(0.3));
  }

  private static INDArray times(int n) {
    return PlanAndSession.times(new Random(1), n).reshape(n);
  }

  /** {@code x w + t + } the mean of those embeddings that count {@code + } the pooled one. */
  private static SameDiff ofText(long tokens, DataType maskType) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, FEATURES);
    SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable text = sd.placeHolder("encoder_hidden_states", DataType.FLOAT, -1, tokens, WIDTH);
    SDVariable mask = sd.placeHolder("encoder_attention_mask", maskType, -1, tokens);
    SDVariable pooled = sd.placeHolder("text_embeds", DataType.FLOAT, -1, POOLED);
    SDVariable counts = sd.castTo(mask, DataType.FLOAT);
    SDVariable sum = text.mul(sd.expandDims(counts, 2)).sum(1);
    SDVariable mean = sum.div(counts.sum(true, 1));
    SDVariable y = x.mmul(weight(sd, "w", FEATURES, FEATURES)).add(t.mul(0.01));
    y = y.add(mean.mmul(weight(sd, "text", WIDTH, FEATURES)));
    sd.identity("output", y.add(pooled.mmul(weight(sd, "pooled", POOLED, FEATURES))));
    return sd;
  }

  private static SameDiffDenoiser text(SameDiff graph) {
    return new SameDiffDenoiser(graph, new long[] {FEATURES}, SCHEDULE, Prediction.EPSILON);
  }

  private static SameDiffDenoiser text() {
    return text(ofText(TOKENS, DataType.FLOAT));
  }

  private static Embeddings embeddings(int n) {
    return Condition.embeddings(gaussian(5, n, TOKENS, WIDTH), mask(n), gaussian(6, n, POOLED));
  }

  /** The last token of every other sample is padding. */
  private static INDArray mask(int n) {
    INDArray mask = Nd4j.ones(DataType.FLOAT, n, TOKENS);
    for (int i = 0; i < n; i += 2) {
      mask.putScalar(i, TOKENS - 1, 0);
    }
    return mask;
  }

  /** A picture of two channels beside samples of one, and labels of three classes. */
  private static SameDiffDenoiser pictures() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, 1, 4, 4);
    SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable pictures = sd.placeHolder("pictures", DataType.FLOAT, -1, 2, 4, 4);
    SDVariable labels = sd.placeHolder("class_labels", DataType.FLOAT, -1, 3);
    SDVariable all = sd.reshape(sd.concat(1, x, pictures), -1, 48);
    SDVariable y = all.mmul(weight(sd, "w", 48, 16)).add(t.mul(0.01));
    y = y.add(labels.mmul(weight(sd, "classes", 3, 16)));
    sd.identity("output", sd.reshape(y, -1, 1, 4, 4));
    return new SameDiffDenoiser(sd, new long[] {1, 4, 4}, SCHEDULE, Prediction.EPSILON);
  }

  private static Condition picturesAndLabels(int n) {
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      labels[i] = i % 3;
    }
    return Condition.several(Condition.pictures(gaussian(7, n, 2, 4, 4)), Condition.labels(labels));
  }

  private static void assertClose(INDArray actual, INDArray expected) {
    assertThat(PlanAndSession.error(actual, expected))
        .isLessThan(1e-5 * PlanAndSession.norm(expected));
  }

  private static void compare(
      Supplier<SameDiffDenoiser> make, Condition condition, INDArray x, String... inputs) {
    int n = (int) x.size(0);
    try (SameDiffDenoiser plan = make.get();
        SameDiffDenoiser session = PlanAndSession.inSession(make)) {
      assertClose(plan.predict(x, times(n), condition), session.predict(x, times(n), condition));
      List<String> of = new ArrayList<>(plan.parameters().keySet());
      of.addAll(List.of(inputs));
      INDArray target = gaussian(8, x.shape());
      try (Gradients ours = plan.gradients(x, times(n), condition, target, of);
          Gradients theirs = session.gradients(x, times(n), condition, target, of)) {
        assertThat(ours.of()).containsOnlyKeys(of);
        of.forEach(name -> assertClose(ours.of().get(name), theirs.of().get(name)));
      }
      assertThat(plan.predictionBytes(n)).isPresent();
      assertThat(plan.gradientBytes(n)).isPresent();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void plan_ofEmbeddings_givesWhatTheSessionGives(int n) {
    INDArray x = gaussian(n, n, FEATURES);
    compare(
        ConditionInputsTest::text,
        embeddings(n),
        x,
        "sample",
        "encoder_hidden_states",
        "text_embeds");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void plan_ofPicturesAndLabels_givesWhatTheSessionGives(int n) {
    INDArray x = gaussian(n, n, 1, 4, 4);
    compare(ConditionInputsTest::pictures, picturesAndLabels(n), x, "sample", "pictures");
  }

  @Test
  void predict_ofEmbeddings_countsThoseOfTheMaskAlone() {
    try (SameDiffDenoiser model = text()) {
      INDArray x = gaussian(1, 2, FEATURES);
      Embeddings all = embeddings(2);
      INDArray changed = all.tokens().dup();
      for (int d = 0; d < WIDTH; d++) {
        changed.putScalar(new int[] {0, TOKENS - 1, d}, 100);
      }
      INDArray before = model.predict(x, times(2), all);
      assertThat(
              model.predict(x, times(2), Condition.embeddings(changed, all.mask(), all.pooled())))
          .isEqualTo(before);
      assertThat(model.predict(x, times(2), Condition.embeddings(changed, null, all.pooled())))
          .isNotEqualTo(before);
    }
  }

  @Test
  void predict_withoutAMask_isWithOnes() {
    try (SameDiffDenoiser model = text()) {
      INDArray x = gaussian(1, 2, FEATURES);
      Embeddings some = embeddings(2);
      INDArray ones = Nd4j.ones(DataType.FLOAT, 2, TOKENS);
      assertThat(
              model.predict(x, times(2), Condition.embeddings(some.tokens(), null, some.pooled())))
          .isEqualTo(
              model.predict(x, times(2), Condition.embeddings(some.tokens(), ones, some.pooled())));
    }
  }

  @Test
  void predict_ofAMaskOfIntegersAndOpenTokens_isThatOfTheOtherGraph() {
    try (SameDiffDenoiser model = text();
        SameDiffDenoiser open = text(ofText(-1, DataType.INT))) {
      INDArray x = gaussian(1, 3, FEATURES);
      assertThat(open.predict(x, times(3), embeddings(3)))
          .isEqualTo(model.predict(x, times(3), embeddings(3)));
      assertThat(open.predictionBytes(3)).as("of a number of tokens that is not known").isEmpty();
      assertThat(model.predictionBytes(3)).isPresent();
    }
  }

  @Test
  void takes_isWhatThePlaceholdersSay() {
    try (SameDiffDenoiser text = text();
        SameDiffDenoiser pictures = pictures()) {
      assertThat(text.takes()).isEqualTo(new Condition.Takes(0, true, WIDTH, 0));
      assertThat(pictures.takes()).isEqualTo(new Condition.Takes(3, false, 0, 2));
    }
  }

  @Test
  void sample_withGuidance_isThatOfTheGuidedGraph() {
    Embeddings nothing =
        Condition.embeddings(
            Nd4j.zeros(DataType.FLOAT, 1, TOKENS, WIDTH),
            Nd4j.ones(DataType.FLOAT, 1, TOKENS),
            Nd4j.zeros(DataType.FLOAT, 1, POOLED));
    Condition condition = embeddings(3).withUnconditional(nothing);
    try (SameDiffDenoiser model = text();
        Condition empty = nothing.repeat(3)) {
      INDArray x = gaussian(1, 3, FEATURES);
      INDArray c = model.predict(x, times(3), condition);
      INDArray u = model.predict(x, times(3), empty);
      ClassifierFreeGuidance guided = ClassifierFreeGuidance.of(model, 3);
      assertClose(guided.predict(x, times(3), condition), u.add(c.sub(u).mul(3)));
      SamplingRequest request = SamplingRequest.builder(3).seed(1).condition(condition).build();
      INDArray samples = new DdimSampler(5).sample(guided, request).samples();
      assertThat(samples.shape()).containsExactly(3, FEATURES);
      assertThat(samples).isNotEqualTo(new DdimSampler(5).sample(model, request).samples());
    }
  }

  @Test
  void gradients_ofAConditionalGraph_leadDownhill() {
    try (SameDiffDenoiser model = text()) {
      INDArray x = gaussian(1, 6, FEATURES);
      SampleLoss loss = SampleLoss.meanSquaredError(gaussian(2, 6, FEATURES));
      Condition condition = embeddings(6);
      double before;
      try (Gradients gradients = model.gradients(x, times(6), condition, loss)) {
        before = gradients.loss();
        model.parameters().forEach((name, w) -> w.subi(gradients.of().get(name).mul(0.05)));
      }
      try (Gradients gradients = model.gradients(x, times(6), condition, loss)) {
        assertThat(gradients.loss()).isLessThan(0.95 * before);
      }
    }
  }

  private static void assertRefused(SameDiffDenoiser model, Condition condition, String message) {
    long[] shape = model.sampleShape();
    long[] batch = new long[shape.length + 1];
    System.arraycopy(shape, 0, batch, 1, shape.length);
    batch[0] = 2;
    assertThatIllegalArgumentException()
        .isThrownBy(() -> model.predict(gaussian(1, batch), times(2), condition))
        .withMessageContaining(message);
  }

  @Test
  void predict_ofAConditionThatDoesNotFit_isRefused() {
    try (SameDiffDenoiser text = text();
        SameDiffDenoiser pictures = pictures()) {
      Embeddings some = embeddings(2);
      assertRefused(text, Condition.none(), "condition must have embeddings of width 5");
      assertRefused(
          text,
          Condition.embeddings(some.tokens()),
          "pooled embeddings must be present, because the graph has a placeholder text_embeds");
      assertRefused(
          text,
          Condition.embeddings(gaussian(1, 2, TOKENS + 1, WIDTH), null, some.pooled()),
          "embeddings must be [n, 3, 5] but were [2, 4, 5]");
      assertRefused(
          text,
          Condition.embeddings(some.tokens(), null, gaussian(1, 2, POOLED + 1)),
          "pooled embeddings must be [n, 2] but were [2, 3]");
      assertRefused(
          pictures,
          Condition.several(Condition.labels(0, 1), Condition.pictures(gaussian(1, 2, 2, 4, 5))),
          "pictures must be [n, 2, 4, 4] but were [2, 2, 4, 5]");
      assertRefused(
          pictures,
          Condition.pictures(gaussian(1, 2, 2, 4, 4)),
          "condition must have a label per sample");
    }
  }

  @Test
  void predict_ofAMaskThatTheGraphDoesNotTake_isRefused() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, FEATURES);
    SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable text = sd.placeHolder("encoder_hidden_states", DataType.FLOAT, -1, TOKENS, WIDTH);
    SDVariable y = x.mmul(weight(sd, "w", FEATURES, FEATURES)).add(t);
    sd.identity("output", y.add(text.mean(1).mmul(weight(sd, "text", WIDTH, FEATURES))));
    try (SameDiffDenoiser model = text(sd)) {
      Embeddings some = embeddings(2);
      assertRefused(
          model,
          some,
          "mask of embeddings must be null because the graph has no placeholder"
              + " encoder_attention_mask");
      assertRefused(
          model,
          Condition.embeddings(some.tokens(), null, some.pooled()),
          "pooled embeddings must be null because the graph has no placeholder text_embeds");
      assertThat(
              model
                  .predict(gaussian(1, 2, FEATURES), times(2), Condition.embeddings(some.tokens()))
                  .shape())
          .containsExactly(2, FEATURES);
    }
  }

  @Test
  void create_ofAPlaceholderOfAnotherForm_isRefused() {
    SameDiff flat = SameDiff.create();
    flat.placeHolder("sample", DataType.FLOAT, -1, FEATURES);
    flat.placeHolder("timestep", DataType.FLOAT, -1, 1);
    flat.identity("output", flat.placeHolder("encoder_hidden_states", DataType.FLOAT, -1, WIDTH));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> text(flat))
        .withMessage(
            "encoder_hidden_states must be a placeholder [-1, tokens, width] but was [-1, 5]");
    SameDiff lonely = SameDiff.create();
    lonely.placeHolder("sample", DataType.FLOAT, -1, FEATURES);
    lonely.placeHolder("timestep", DataType.FLOAT, -1, 1);
    lonely.identity("output", lonely.placeHolder("text_embeds", DataType.FLOAT, -1, FEATURES));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> text(lonely))
        .withMessage(
            "graph with a placeholder text_embeds must have one named encoder_hidden_states");
  }

  @Test
  void predict_ofAModelThatDoesNotSayWhatItTakes_isRefused() {
    class Silent extends SameDiffDenoiser {
      Silent() {
        super(ofText(TOKENS, DataType.FLOAT), new long[] {FEATURES}, SCHEDULE, Prediction.EPSILON);
      }

      @Override
      public Condition.Takes takes() {
        return null;
      }
    }
    try (SameDiffDenoiser model = new Silent()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.predict(gaussian(1, 2, FEATURES), times(2), embeddings(2)))
          .withMessageContaining("but takes() returned null");
    }
  }
}
