package org.diffusion4j.text;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the name of a tensor in a LoRA's file says.
 *
 * @param part the model's component
 * @param module the layer, as the file names it: with dots, or with underscores in kohya's format
 * @param kind which tensor of the layer
 */
record LoraKey(String part, String module, Kind kind) {

  static final String UNET = "unet";
  static final String TEXT = "text_encoder";
  static final String TEXT_2 = "text_encoder_2";

  /** The tensors of a layer. */
  enum Kind {
    DOWN,
    UP,
    ALPHA
  }

  /** In peft's format, in kohya's, and in those of diffusers before 0.22. */
  private static final List<Map.Entry<String, Kind>> SUFFIXES =
      List.of(
          Map.entry(".lora_A.weight", Kind.DOWN),
          Map.entry(".lora_B.weight", Kind.UP),
          Map.entry(".lora_down.weight", Kind.DOWN),
          Map.entry(".lora_up.weight", Kind.UP),
          Map.entry(".lora.down.weight", Kind.DOWN),
          Map.entry(".lora.up.weight", Kind.UP),
          Map.entry(".lora_linear_layer.down.weight", Kind.DOWN),
          Map.entry(".lora_linear_layer.up.weight", Kind.UP),
          Map.entry("_lora.down.weight", Kind.DOWN),
          Map.entry("_lora.up.weight", Kind.UP),
          Map.entry(".alpha", Kind.ALPHA));

  private static final List<Map.Entry<String, String>> PREFIXES =
      List.of(
          Map.entry("lora_unet_", UNET),
          Map.entry("lora_te_", TEXT),
          Map.entry("lora_te1_", TEXT),
          Map.entry("lora_te2_", TEXT_2),
          Map.entry("unet.", UNET),
          Map.entry("text_encoder.", TEXT),
          Map.entry("text_encoder_2.", TEXT_2),
          Map.entry("", UNET));

  private static final String PROCESSOR = ".processor.";

  /** Empty for a name of no known format. */
  static Optional<LoraKey> of(String name) {
    for (Map.Entry<String, Kind> suffix : SUFFIXES) {
      if (name.endsWith(suffix.getKey())) {
        String layer = name.substring(0, name.length() - suffix.getKey().length());
        for (Map.Entry<String, String> prefix : PREFIXES) {
          if (layer.startsWith(prefix.getKey())) {
            String module = module(layer.substring(prefix.getKey().length()));
            return Optional.of(new LoraKey(prefix.getValue(), module, suffix.getValue()));
          }
        }
      }
    }
    return Optional.empty();
  }

  /** Attention processors held the matrices beside the layers that they belong to. */
  private static String module(String layer) {
    int at = layer.indexOf(PROCESSOR);
    if (at < 0) {
      return layer;
    }
    String of = layer.substring(at + PROCESSOR.length());
    return layer.substring(0, at) + "." + (of.equals("to_out") ? "to_out.0" : of);
  }
}
