package org.diffusion4j.unet;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.unet.ConditionalUNet;
import org.diffusion4j.internal.nn.unet.ConditionalUNetGraph;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Checks the gradients of every weight and every input against differences of the loss, and plans
 * against them, for settings that few models have.
 */
class ConditionalUNetGradientTest {

  private static final UNet2DConditionModel.Config BASE =
      UNet2DConditionModel.Config.of(2, 4, 4, 6, 4, 8)
          .withLayersPerBlock(1)
          .withHeads(2)
          .withNormGroups(2)
          .withTokens(3);

  static Stream<Named<UNet2DConditionModel.Config>> architectures() {
    return Stream.of(
        Named.of("attention between pixels, resnets that resample, Mish", resnets()),
        Named.of(
            "random frequencies, concatenated labels, activations of the embedding",
            BASE.with("time_embedding_type", "fourier")
                .with("projection_class_embeddings_input_dim", 5)
                .with("class_embed_type", "projection")
                .with("class_embeddings_concat", true)
                .with("timestep_post_act", "mish")
                .with("time_embedding_act_fn", "gelu")
                .with("flip_sin_to_cos", false)),
        Named.of(
            "every further input, projected and masked text, only cross-attention, ReLU",
            BASE.with("projection_class_embeddings_input_dim", 15)
                .with("addition_time_embed_dim", 2)
                .with("addition_embed_type", "text_time")
                .with("time_cond_proj_dim", 3)
                .with("encoder_hid_dim", 5)
                .with("only_cross_attention", true)
                .with("use_linear_projection", true)
                .with("act_fn", "relu")
                .withTokenMask(true)
                .withResiduals(true)),
        Named.of(
            "an odd and an even size, padding below and on the right",
            BASE.withSize(5, 6)
                .with("downsample_padding", 0)
                .with("projection_class_embeddings_input_dim", 5)
                .with("class_embed_type", "simple_projection")),
        Named.of(
            "odd sizes, padding below and on the right, no middle",
            BASE.withSize(5, 7).with("downsample_padding", 0).with("mid_block_type", null)),
        Named.of(
            "odd sizes, labels as they are, scale and shift",
            BASE.withSize(3, 5)
                .with("class_embed_type", "identity")
                .with("resnet_time_scale_shift", "scale_shift")));
  }

  private static UNet2DConditionModel.Config resnets() {
    String down = "ResnetDownsampleBlock2D";
    String up = "ResnetUpsampleBlock2D";
    Map<String, Object> settings = new LinkedHashMap<>(BASE.withSize(8, 8).toJson());
    settings.put("block_out_channels", List.of(4, 8, 8));
    settings.put("down_block_types", List.of(down, "AttnDownBlock2D", down));
    settings.put("up_block_types", List.of(up, "AttnUpBlock2D", up));
    settings.put("attention_head_dim", List.of(2, 4, 2));
    settings.put("resnet_skip_time_act", true);
    settings.put("resnet_out_scale_factor", 1.5);
    settings.put("mid_block_scale_factor", 2);
    settings.put("act_fn", "mish");
    return UNet2DConditionModel.Config.fromJson(settings, unknown -> {});
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void gradients_ofRareSettings_areThoseOfFiniteDifferences(UNet2DConditionModel.Config config) {
    Random random = new Random(3);
    Layers layers = layers(config, DataType.DOUBLE);
    Map<String, INDArray> inputs = inputs(layers, random);
    Set<String> differentiated = new TreeSet<>(inputs.keySet());
    differentiated.removeAll(Set.of(Graphs.TIMESTEP, Graphs.MASK, Graphs.TIME_IDS));
    if (!config.toJson().get("down_block_types").toString().contains("CrossAttn")
        && config.toJson().get("mid_block_type") == null) {
      differentiated.remove(Graphs.EMBEDDINGS);
    }
    DoubleModel exact = new DoubleModel(layers.sd, differentiated);
    INDArray target = DoubleModel.gaussian(random, inputs.get(Graphs.SAMPLE).shape());
    exact.unsettle(random);

    SoftAssertions softly = new SoftAssertions();
    try (Gradients gradients = exact.gradients(inputs, target)) {
      for (int i = 0; i < 2; i++) {
        exact.compare(exact.names(), gradients, inputs, target, random, softly);
      }
      for (String input : differentiated) {
        exact.compare(List.of(input), gradients, inputs, target, random, softly);
      }
      DoubleModel single = new DoubleModel(layers(config, DataType.FLOAT).sd, differentiated);
      exact.compareWithFloat(single, gradients, inputs, target, softly);
    }
    softly.assertAll();
  }

  private static Layers layers(UNet2DConditionModel.Config config, DataType type) {
    Layers layers = new Layers(7, type);
    ConditionalUNetGraph.build(layers, ConditionalUNet.of(config.toJson()));
    return layers;
  }

  private static Map<String, INDArray> inputs(Layers layers, Random random) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    for (SDVariable variable : layers.sd.variables()) {
      if (variable.isPlaceHolder()) {
        long[] shape = variable.placeholderShape().clone();
        shape[0] = DoubleModel.BATCH;
        inputs.put(variable.name(), DoubleModel.gaussian(random, shape));
      }
    }
    inputs.put(
        Graphs.TIMESTEP, Nd4j.create(new double[] {3, 70}, new long[] {2, 1}, DataType.DOUBLE));
    inputs.computeIfPresent(
        Graphs.MASK,
        (name, any) ->
            Nd4j.create(new double[] {1, 1, 0, 1, 0, 0}, new long[] {2, 3}, DataType.DOUBLE));
    return inputs;
  }
}
