package org.diffusion4j.text;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.JsonSettings;
import org.diffusion4j.text.ClipTextModel.Activation;
import org.diffusion4j.text.ClipTextModel.Config;
import org.jspecify.annotations.Nullable;

/** A {@link Config} as the {@code config.json} of the classes of the library transformers. */
final class ClipTextJson {

  private static final String CLASSES = "architectures";
  private static final String PLAIN = "CLIPTextModel";
  private static final String PROJECTED = "CLIPTextModelWithProjection";
  private static final String PROJECTION = "projection_dim";
  private static final String MASK = "use_attention_mask";

  private static final Map<String, Activation> ACTIVATIONS =
      Map.of("quick_gelu", Activation.QUICK_GELU, "gelu", Activation.GELU);

  /** Including those that have no effect on a model that is not trained from the start. */
  private static final Set<String> KNOWN =
      Set.of(
          CLASSES,
          PROJECTION,
          MASK,
          "attention_dropout",
          "bos_token_id",
          "dtype",
          "eos_token_id",
          "hidden_act",
          "hidden_size",
          "initializer_factor",
          "initializer_range",
          "intermediate_size",
          "layer_norm_eps",
          "max_position_embeddings",
          "model_type",
          "num_attention_heads",
          "num_hidden_layers",
          "pad_token_id",
          "torch_dtype",
          "transformers_version",
          "vocab_size");

  private ClipTextJson() {}

  static Map<String, @Nullable Object> write(Config config) {
    Map<String, @Nullable Object> json = new TreeMap<>();
    json.put(CLASSES, List.of(className(config)));
    json.put("model_type", "clip_text_model");
    json.put("torch_dtype", "float32");
    json.put("vocab_size", config.vocabulary());
    json.put("max_position_embeddings", config.positions());
    json.put("hidden_size", config.width());
    json.put("intermediate_size", config.inner());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", config.heads());
    json.put("hidden_act", config.activation() == Activation.GELU ? "gelu" : "quick_gelu");
    json.put("layer_norm_eps", config.normEps());
    json.put("eos_token_id", config.endId());
    if (config.projection() > 0) {
      json.put(PROJECTION, config.projection());
    }
    if (config.masked()) {
      json.put(MASK, true);
    }
    return json;
  }

  /** The name of the class whose model it is. */
  static String className(Config config) {
    return config.projection() > 0 ? PROJECTED : PLAIN;
  }

  /** Missing settings have the defaults of the library transformers. */
  static Config read(Map<String, ? extends @Nullable Object> values, Consumer<String> warnings) {
    JsonSettings json = new JsonSettings(values);
    boolean projected = isProjected(json);
    json.warnOfUnknown(KNOWN, warnings);
    return new Config(
        integer(json, "vocab_size", 49_408),
        integer(json, "max_position_embeddings", 77),
        integer(json, "hidden_size", 512),
        integer(json, "intermediate_size", 2048),
        integer(json, "num_hidden_layers", 12),
        integer(json, "num_attention_heads", 8),
        json.has("hidden_act") ? json.oneOf("hidden_act", ACTIVATIONS) : Activation.QUICK_GELU,
        json.has("layer_norm_eps") ? json.number("layer_norm_eps") : 1e-5,
        projected ? integer(json, PROJECTION, 512) : 0,
        integer(json, "eos_token_id", 49_407),
        json.has(MASK) && json.flag(MASK));
  }

  private static int integer(JsonSettings json, String key, int byDefault) {
    return json.has(key) ? json.integer(key) : byDefault;
  }

  /** A configuration without a class is one without a projection. */
  private static boolean isProjected(JsonSettings json) {
    Object classes = json.get(CLASSES);
    if (classes == null || classes.equals(List.of(PLAIN))) {
      return false;
    }
    if (classes.equals(List.of(PROJECTED))) {
      return true;
    }
    throw new IllegalArgumentException(
        CLASSES + " must be [" + PLAIN + "] or [" + PROJECTED + "] but was " + Shown.text(classes));
  }
}
