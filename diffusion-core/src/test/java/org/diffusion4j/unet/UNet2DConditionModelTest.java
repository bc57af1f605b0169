package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNet2DConditionModel.Config;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class UNet2DConditionModelTest {

  private static final Config CONFIG =
      Config.of(2, 8, 8, 6, 4, 8).withLayersPerBlock(1).withTokens(3);

  private static final Config XL =
      CONFIG
          .with("projection_class_embeddings_input_dim", 17)
          .with("addition_time_embed_dim", 2)
          .with("addition_embed_type", "text_time")
          .with("time_cond_proj_dim", 3)
          .withTokenMask(true);

  private static UNet2DConditionModel create(Config config) {
    return UNet2DConditionModel.create(config, NoiseSchedule.linear(100), Prediction.EPSILON, 5);
  }

  private static INDArray normal(int seed, long... shape) {
    return DoubleModel.gaussian(new Random(seed), shape).castTo(DataType.FLOAT);
  }

  private static INDArray times(int n) {
    return Nd4j.valueArrayOf(new long[] {n}, 40, DataType.FLOAT);
  }

  private static Condition text(int n, int tokens) {
    return Condition.embeddings(normal(2, n, tokens, 6));
  }

  @Test
  void resized_predictsAsAModelOfThatSize_andLeavesTheWeightsOpen() {
    INDArray x = normal(1, 2, 2, 5, 12);
    try (UNet2DConditionModel model = create(CONFIG);
        UNet2DConditionModel whole = create(CONFIG.withSize(5, 12).withTokens(7))) {
      INDArray expected = whole.predict(x, times(2), text(2, 7));
      try (UNet2DConditionModel resized = model.resized(5, 12, 7)) {
        assertThat(resized.sampleShape()).containsExactly(2, 5, 12);
        assertThat(resized.predict(x, times(2), text(2, 7))).isEqualTo(expected);
        assertThat(resized.weights().get("conv_in.weight"))
            .isSameAs(model.weights().get("conv_in.weight"));
        assertThat(resized.resized(8, 8, 3).config()).isEqualTo(CONFIG);
      }
      assertThat(model.predict(normal(1, 1, 2, 8, 8), times(1), text(1, 3)).shape())
          .containsExactly(1, 2, 8, 8);
    }
  }

  @Test
  void sharing_ofOtherWeights_namesThem() {
    UNet2DConditionModel model = create(CONFIG);
    try (model) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.sharing(CONFIG.with("cross_attention_dim", 5)))
          .withMessageMatching(
              "architecture must have the same weights to share them but .*attn2.to_k.weight is"
                  + " \\[5, 4\\], not \\[6, 4\\]");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.sharing(CONFIG.with("mid_block_type", "UNetMidBlock2D")))
          .withMessageContaining("lacks mid_block.");
    }
    assertThatIllegalStateException()
        .isThrownBy(() -> model.resized(8, 8, 4))
        .withMessage("the model is closed");
  }

  private static Condition further(int n, int seed) {
    return Condition.several(
        Condition.embeddings(normal(seed, n, 3, 6), null, normal(seed + 1, n, 5)),
        Condition.inputs(Map.of("time_ids", normal(3, n, 6), "timestep_cond", normal(4, n, 3))));
  }

  @Test
  void guidance_keepsFurtherInputs_andReplacesTheText() {
    INDArray x = normal(1, 2, 2, 8, 8);
    try (UNet2DConditionModel model = create(XL)) {
      Condition.Embeddings empty = Condition.embeddings(normal(8, 1, 3, 6), null, normal(9, 1, 5));
      Condition.Embeddings text =
          further(2, 6).part(Condition.Embeddings.class).orElseThrow().withUnconditional(empty);
      Condition inputs = further(2, 6).part(Condition.Inputs.class).orElseThrow();
      Condition condition = Condition.several(text, inputs);
      INDArray c = model.predict(x, times(2), condition);
      INDArray u = model.predict(x, times(2), Condition.several(empty.repeat(2), inputs));
      INDArray guided = ClassifierFreeGuidance.of(model, 3).predict(x, times(2), condition);
      assertThat(guided.sub(u.add(c.sub(u).mul(3))).amaxNumber().doubleValue()).isLessThan(1e-5);
      assertThat(c.sub(u).amaxNumber().doubleValue()).isGreaterThan(1e-3);
    }
  }

  @Test
  void gradients_ofFurtherInputs_areGivenByName() {
    try (UNet2DConditionModel model = create(XL);
        Gradients gradients =
            model.gradients(
                normal(1, 2, 2, 8, 8),
                times(2),
                further(2, 6),
                normal(7, 2, 2, 8, 8),
                List.of("time_ids", "timestep_cond", "text_embeds", "encoder_hidden_states"))) {
      assertThat(gradients.of().get("time_ids").shape()).containsExactly(2, 6);
      assertThat(gradients.of().get("timestep_cond").norm2Number().doubleValue()).isPositive();
      assertThat(gradients.of().get("text_embeds").norm2Number().doubleValue()).isPositive();
    }
  }

  @Test
  void everyInput_runsAsAPlan() {
    Config residuals = XL.withResiduals(true).withSize(7, 5);
    try (UNet2DConditionModel model = create(residuals)) {
      assertThat(model.takes().inputs())
          .containsExactlyInAnyOrder(
              "time_ids",
              "timestep_cond",
              "down_residual.0",
              "down_residual.1",
              "down_residual.2",
              "down_residual.3",
              "mid_residual");
      assertThat(model.predictionBytes(2)).isPresent();
      assertThat(model.gradientBytes(2)).isPresent();
    }
  }

  private static void assertRefused(Config config, Condition condition, String message) {
    try (UNet2DConditionModel model = create(config)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.predict(normal(1, 2, 2, 8, 8), times(2), condition))
          .withMessageContaining(message);
    }
  }

  @Test
  void predict_ofAConditionThatDoesNotFit_isRefused() {
    assertRefused(CONFIG, Condition.none(), "condition must have embeddings of width 6");
    assertRefused(CONFIG, text(2, 4), "embeddings must be [n, 3, 6] but were [2, 4, 6]");
    assertRefused(
        XL,
        further(2, 6).part(Condition.Embeddings.class).orElseThrow(),
        "condition must have the inputs time_ids, timestep_cond, which the model accepts");
    assertRefused(
        CONFIG,
        Condition.several(text(2, 3), Condition.inputs(Map.of("other", normal(1, 2, 2)))),
        "inputs must be none, because the model accepts none, but were other");
    assertRefused(
        CONFIG.with("time_cond_proj_dim", 3),
        Condition.several(text(2, 3), Condition.inputs(Map.of("timestep_cond", normal(1, 2, 2)))),
        "input timestep_cond must be [n, 3] but were [2, 2]");
  }

  @Test
  void labels_asTimestepsAndInATable_areTaken() {
    try (UNet2DConditionModel timesteps = create(CONFIG.with("class_embed_type", "timestep"));
        UNet2DConditionModel table =
            create(CONFIG.with("num_class_embeds", 4).with("null_class", true))) {
      assertThat(timesteps.takes().classes()).isEqualTo(Condition.Takes.ANY);
      assertThat(table.takes().classes()).isEqualTo(3);
      assertThat(table.hasNullClass()).isTrue();
      INDArray x = normal(1, 1, 2, 8, 8);
      INDArray with =
          table.predict(x, times(1), Condition.several(text(1, 3), Condition.labels(2)));
      assertThat(table.predict(x, times(1), text(1, 3))).isNotEqualTo(with);
      assertThat(
              timesteps.predict(x, times(1), Condition.several(text(1, 3), Condition.labels(700))))
          .isNotEqualTo(
              timesteps.predict(x, times(1), Condition.several(text(1, 3), Condition.labels(0))));
    }
  }
}
