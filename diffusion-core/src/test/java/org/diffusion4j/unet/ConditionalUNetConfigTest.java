package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.unet.UNet2DConditionModel.Config;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ConditionalUNetConfigTest {

  private static final Config SMALL = Config.of(4, 8, 8, 16, 8, 16).withHeads(2);

  private static Arguments wrong(String setting, @Nullable Object value, String message) {
    return Arguments.of(setting, value, message);
  }

  static Stream<Arguments> notSupported() {
    return Stream.of(
        wrong("dual_cross_attention", true, "dual_cross_attention must be false but was true"),
        wrong("attention_type", "gated", "attention_type must be default but was gated"),
        wrong("num_attention_heads", 4, "num_attention_heads must be null but was 4"),
        wrong(
            "cross_attention_norm",
            "layer_norm",
            "cross_attention_norm must be null but was layer_norm"),
        wrong(
            "encoder_hid_dim_type",
            "image_proj",
            "encoder_hid_dim_type must be one of [null, text_proj] but was image_proj"),
        wrong(
            "addition_embed_type",
            "text_image",
            "addition_embed_type must be one of [null, text_time] but was text_image"),
        wrong(
            "time_embedding_type",
            "learned",
            "time_embedding_type must be one of [positional, fourier] but was learned"),
        wrong(
            "resnet_time_scale_shift",
            "ada_group",
            "resnet_time_scale_shift must be one of [default, scale_shift] but was"),
        wrong(
            "mid_block_type",
            "UNetMidBlock2DSimpleCrossAttn",
            "mid_block_type must be one of [UNetMidBlock2D, UNetMidBlock2DCrossAttn] but was"),
        wrong(
            "down_block_types",
            List.of("SimpleCrossAttnDownBlock2D", "DownBlock2D"),
            "but one is SimpleCrossAttnDownBlock2D"),
        wrong("act_fn", "celu", "act_fn must be one of [gelu, mish, relu, silu, swish] but was"),
        wrong("no_such_setting", 3, "settings that are unknown and ignored"));
  }

  static Stream<Arguments> contradictions() {
    return Stream.of(
        wrong("in_channels", 0, "in_channels must be in [1, 65536] but was 0"),
        wrong("sample_size", null, "sample_size must be a whole number or two but was null"),
        wrong("sample_size", 1 << 20, "height must be in [1, 16384] but was 1048576"),
        wrong("layers_per_block", 0, "layers_per_block must be in [1, 64] but was 0"),
        wrong(
            "layers_per_block",
            List.of(1, 2, 3),
            "layers_per_block must be as many as block_out_channels, 2, but were 3"),
        wrong(
            "layers_per_block",
            List.of(1, "x"),
            "layers_per_block must be of whole numbers but one is x"),
        wrong("only_cross_attention", 1, "only_cross_attention must be of booleans but one is 1"),
        wrong(
            "attention_head_dim",
            3,
            "attention_head_dim, which is the number of heads, must divide the channels of its"
                + " level, 8, but was 3"),
        wrong(
            "attention_head_dim",
            List.of(2, 3),
            "attention_head_dim, which is the number of heads, must divide the channels of its"
                + " level, 16, but was 3"),
        wrong("norm_num_groups", 3, "norm_num_groups must divide the channels of its level, 8,"),
        wrong("norm_num_groups", null, "norm_num_groups must be a whole number but was null"),
        wrong("block_out_channels", List.of(), "number of levels must be in [1, 16] but was 0"),
        wrong(
            "block_out_channels",
            List.of(8),
            "down_block_types must be as many as block_out_channels, 1, but were 2"),
        wrong(
            "transformer_layers_per_block",
            List.of(List.of(1, 1), 1),
            "reverse_transformer_layers_per_block must be set where transformer_layers_per_block"
                + " has lists but was null"),
        wrong(
            "cross_attention_dim",
            List.of(16, 8),
            "cross_attention_dim must be the same for every level with cross-attention but was"
                + " [16, 8]"),
        wrong(
            "class_embed_type",
            "projection",
            "projection_class_embeddings_input_dim must be set with class_embed_type"
                + " projection but was null"),
        wrong(
            "class_embeddings_concat",
            true,
            "class_embeddings_concat must be false without a class embedding but was true"),
        wrong(
            "addition_embed_type",
            "text_time",
            "projection_class_embeddings_input_dim must be set with addition_embed_type"),
        wrong("conv_in_kernel", 4, "conv_in_kernel must be odd but was 4"),
        wrong("freq_shift", 4, "freq_shift must be less than 4 but was 4.0"),
        wrong("dropout", 1, "dropout must be in [0, 1) but was 1.0"),
        wrong("norm_eps", -1, "norm_eps must be positive but was -1.0"),
        wrong("mid_block_scale_factor", 0, "mid_block_scale_factor must be positive but was 0.0"),
        wrong("downsample_padding", 2, "downsample_padding must be in [0, 1] but was 2"),
        wrong("tokens", 0, "tokens must be in [1, 65536] but was 0"),
        wrong("null_class", true, "null_class must be false without a table"));
  }

  @ParameterizedTest(name = "{0} = {1}")
  @MethodSource({"notSupported", "contradictions"})
  void with_ofAValueThatDoesNotFit_namesSettingAndValue(
      String setting, @Nullable Object value, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SMALL.with(setting, value))
        .withMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300));
  }

  @Test
  void of_hasTheRestOfStableDiffusion() {
    Config config = Config.of(4, 64, 64, 768, 320, 640, 1280, 1280);
    assertThat(config.with("sample_size", 64))
        .isEqualTo(
            Config.fromJson(Map.of("sample_size", 64, "cross_attention_dim", 768), unknown -> {}))
        .isEqualTo(config.withSize(64, 64));
    assertThat(config.weightShapes()).hasSize(686);
    assertThat(
            config.weightShapes().values().stream()
                .mapToLong(ConditionalUNetConfigTest::product)
                .sum())
        .isEqualTo(859_520_964L);
  }

  private static long product(long[] shape) {
    return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
  }

  @Test
  void toJson_isReadAgain_andHoldsOwnSettingsOnlyWhereTheyDiffer() {
    assertThat(SMALL.toJson()).doesNotContainKeys("tokens", "token_mask", "null_class");
    Config own =
        SMALL.withTokens(12).withTokenMask(true).withResiduals(true).with("num_class_embeds", 5);
    assertThat(own.toJson()).containsEntry("tokens", 12L).containsEntry("token_mask", true);
    for (Config config : List.of(SMALL, own, own.withTokens(77), SMALL.withSize(8, 12))) {
      Config again = Config.fromJson(config.toJson(), unknown -> {});
      assertThat(again).isEqualTo(config).hasSameHashCodeAs(config);
      assertThat(again.toJson()).isEqualTo(config.toJson());
    }
    assertThat(own.withTokens(77).withTokenMask(false).withResiduals(false))
        .isEqualTo(SMALL.with("num_class_embeds", 5));
    assertThat(own).isNotEqualTo(SMALL);
  }

  @Test
  void fromJson_ofWholeNumbersInAnyForm_isTheSame() {
    Map<String, Object> doubles = new TreeMap<>(SMALL.toJson());
    doubles.put("in_channels", 4.0);
    doubles.put("mid_block_scale_factor", 1.0);
    doubles.put("dropout", 0);
    assertThat(Config.fromJson(doubles, unknown -> {})).isEqualTo(SMALL);
  }

  @Test
  void fromJson_warnsOfUnknownSettings() {
    Map<String, Object> more = new TreeMap<>(SMALL.toJson());
    more.put("flash", true);
    more.put("_class_name", "UNet2DConditionModel");
    List<String> warnings = new ArrayList<>();
    assertThat(Config.fromJson(more, warnings::add)).isEqualTo(SMALL);
    assertThat(warnings).singleElement().asString().contains("flash").doesNotContain("_class");
  }

  @Test
  void sizes_thatCannotBeHalvedOrDoubledAgain_areRefused() {
    assertThat(SMALL.withSize(7, 9).height()).isEqualTo(7);
    Config padded = SMALL.with("downsample_padding", 0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> padded.withSize(1, 8))
        .withMessage("height and width must be large enough for 2 levels but were 1 x 8");
    Map<String, Object> attention = new TreeMap<>(SMALL.toJson());
    attention.put("up_block_types", List.of("AttnUpBlock2D", "UpBlock2D"));
    Config even = Config.fromJson(attention, unknown -> {});
    assertThatIllegalArgumentException()
        .isThrownBy(() -> even.withSize(7, 8))
        .withMessage("height and width must be divisible by 2 with AttnUpBlock2D but were 7 x 8");
  }
}
