package org.diffusion4j.internal.nn.unet;

import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.internal.files.JsonSettings;
import org.jspecify.annotations.Nullable;

/**
 * The settings of diffusers' {@code UNet2DConditionModel} by name, with its defaults, and a few of
 * this library, which diffusers ignores.
 */
public final class ConditionalUNetSettings {

  /** Whether the last row of the class table is for samples without a label. */
  public static final String NULL_CLASS = "null_class";

  /** The number of text embeddings of a sample. */
  public static final String TOKENS = "tokens";

  /** Whether a mask is given with the text embeddings. */
  public static final String TOKEN_MASK = "token_mask";

  /** Whether ControlNet's outputs are given. */
  public static final String RESIDUALS = "control_residuals";

  /** How many numbers Stable Diffusion XL gets beside the pooled text embedding. */
  public static final String TIME_IDS = "time_id_count";

  /** Settings of this library; written only where they differ from these. */
  private static final Map<String, Object> OWN =
      Map.of(NULL_CLASS, false, TOKENS, 77L, TOKEN_MASK, false, RESIDUALS, false, TIME_IDS, 6L);

  private static final Map<String, @Nullable Object> DEFAULTS = defaults();

  /** Numbers that have a fraction. */
  private static final Set<String> FRACTIONS =
      Set.of("dropout", "norm_eps", "resnet_out_scale_factor");

  private ConditionalUNetSettings() {}

  private static Map<String, @Nullable Object> defaults() {
    Map<String, @Nullable Object> all = new TreeMap<>();
    all.put("act_fn", "silu");
    all.put("addition_embed_type", null);
    all.put("addition_embed_type_num_heads", 64L);
    all.put("addition_time_embed_dim", null);
    all.put("attention_head_dim", 8L);
    all.put("attention_type", "default");
    all.put("block_out_channels", List.of(320L, 640L, 1280L, 1280L));
    all.put("center_input_sample", false);
    all.put("class_embed_type", null);
    all.put("class_embeddings_concat", false);
    all.put("conv_in_kernel", 3L);
    all.put("conv_out_kernel", 3L);
    all.put("cross_attention_dim", 1280L);
    all.put("cross_attention_norm", null);
    String down = "CrossAttnDownBlock2D";
    all.put("down_block_types", List.of(down, down, down, "DownBlock2D"));
    all.put("downsample_padding", 1L);
    all.put("dropout", 0.0);
    all.put("dual_cross_attention", false);
    all.put("encoder_hid_dim", null);
    all.put("encoder_hid_dim_type", null);
    all.put("flip_sin_to_cos", true);
    all.put("freq_shift", 0L);
    all.put("in_channels", 4L);
    all.put("layers_per_block", 2L);
    all.put("mid_block_only_cross_attention", null);
    all.put("mid_block_scale_factor", 1L);
    all.put("mid_block_type", "UNetMidBlock2DCrossAttn");
    all.put("norm_eps", 1e-5);
    all.put("norm_num_groups", 32L);
    all.put("num_attention_heads", null);
    all.put("num_class_embeds", null);
    all.put("only_cross_attention", false);
    all.put("out_channels", 4L);
    all.put("projection_class_embeddings_input_dim", null);
    all.put("resnet_out_scale_factor", 1.0);
    all.put("resnet_skip_time_act", false);
    all.put("resnet_time_scale_shift", "default");
    all.put("reverse_transformer_layers_per_block", null);
    all.put("sample_size", null);
    all.put("time_cond_proj_dim", null);
    all.put("time_embedding_act_fn", null);
    all.put("time_embedding_dim", null);
    all.put("time_embedding_type", "positional");
    all.put("timestep_post_act", null);
    all.put("transformer_layers_per_block", 1L);
    String up = "CrossAttnUpBlock2D";
    all.put("up_block_types", List.of("UpBlock2D", up, up, up));
    all.put("upcast_attention", false);
    all.put("use_linear_projection", false);
    return Collections.unmodifiableMap(all);
  }

  /**
   * All settings of diffusers, those that are not given with its defaults, and those of this
   * library that differ from its defaults. Equal settings become equal values.
   *
   * @param warnings receives a message about unknown settings, which are left out
   */
  public static Map<String, @Nullable Object> complete(
      Map<String, ? extends @Nullable Object> given, Consumer<String> warnings) {
    Set<String> known = new HashSet<>(DEFAULTS.keySet());
    known.addAll(OWN.keySet());
    new JsonSettings(given).warnOfUnknown(known, warnings);
    Map<String, @Nullable Object> all = new TreeMap<>(DEFAULTS);
    for (String name : known) {
      if (given.containsKey(name)) {
        all.put(name, plain(name, given.get(name)));
      }
    }
    OWN.forEach((name, value) -> all.remove(name, value));
    return Collections.unmodifiableMap(all);
  }

  private static @Nullable Object plain(String name, @Nullable Object value) {
    if (value instanceof Number number) {
      double exact = number.doubleValue();
      boolean whole = exact == Math.rint(exact) && !FRACTIONS.contains(name);
      return whole && Math.abs(exact) < 1L << 53 ? (Object) number.longValue() : (Object) exact;
    }
    return value instanceof List<?> list
        ? list.stream().map(element -> plain(name, element)).toList()
        : value;
  }

  /** The settings of this library as {@link #complete} leaves them, with their defaults. */
  static Map<String, @Nullable Object> withOwn(Map<String, ? extends @Nullable Object> settings) {
    Map<String, @Nullable Object> all = new TreeMap<>(OWN);
    all.putAll(settings);
    return all;
  }
}
