package org.diffusion4j.text;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.files.Json;
import org.jspecify.annotations.Nullable;

/**
 * The alphas of a component's layers that a file of the format peft has in its metadata, written by
 * diffusers since 0.35. Without them alpha is the rank.
 *
 * @param common of all layers, or null
 * @param byLayer of single layers, by the end of their names
 */
record LoraAlphas(@Nullable Double common, Map<?, ?> byLayer) {

  private static final String KEY = "lora_adapter_metadata";

  static LoraAlphas of(Path file, Map<String, String> metadata, String part) throws IOException {
    String text = metadata.get(KEY);
    if (text == null) {
      return new LoraAlphas(null, Map.of());
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    Map<String, @Nullable Object> json =
        Json.read(file, KEY + ", ", new ByteArrayInputStream(bytes));
    for (String setting : new String[] {"use_dora", "use_rslora"}) {
      if (Boolean.TRUE.equals(json.get(part + "." + setting))) {
        throw new ModelFormatException(file, setting + " must be false, others are not supported");
      }
    }
    return new LoraAlphas(
        json.get(part + ".lora_alpha") instanceof Number alpha ? alpha.doubleValue() : null,
        json.get(part + ".alpha_pattern") instanceof Map<?, ?> pattern ? pattern : Map.of());
  }

  double of(String module, double rank) {
    for (Map.Entry<?, ?> entry : byLayer.entrySet()) {
      String name = String.valueOf(entry.getKey());
      if (entry.getValue() instanceof Number alpha
          && (module.equals(name) || module.endsWith("." + name))) {
        return alpha.doubleValue();
      }
    }
    return common == null ? rank : common;
  }
}
