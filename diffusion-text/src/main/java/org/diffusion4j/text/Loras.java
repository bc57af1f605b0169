package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The {@linkplain Lora LoRAs} that are in a model: several at once, each with a scale. They are
 * merged into the weights, {@code W + sum of scale * alpha / rank * up * down}, so predictions cost
 * nothing more. A copy of each changed weight is kept while a LoRA is in. Weights are always
 * computed from these copies: taking all LoRAs out restores every bit.
 *
 * <p>Not thread-safe, and the model must not be used while a LoRA is put in or taken out.
 *
 * <pre>{@code
 * try (TextToImage model = TextToImage.load(Path.of("stable-diffusion-v1-5"));
 *     Loras loras = Loras.of(model)) {
 *   loras.put("ink", Lora.load(Path.of("ink.safetensors")), 0.8);
 *   BufferedImage picture = model.generate("a red dragon");
 * }
 * }</pre>
 */
public final class Loras implements AutoCloseable {

  private static final int MOST_PROBLEMS = 3;

  private final Map<String, LoraTarget> targets = new LinkedHashMap<>();
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private record Entry(Map<String, Map<String, LoraLayer>> layers, double scale) {}

  private Loras() {}

  /**
   * No LoRAs yet in a model.
   *
   * @throws IllegalStateException if the model only predicts or is closed
   */
  public static Loras of(TextToImage model) {
    List<ClipTextModel> encoders =
        model.textEncoder().orElse(null) instanceof ClipTextEncoder clip
            ? clip.models()
            : List.of();
    return of(model.network(), model::weightsChanged, encoders);
  }

  /**
   * No LoRAs yet in a U-Net and its text encoders.
   *
   * @param unet the U-Net, whose component is {@code unet}
   * @param textEncoders those of {@code text_encoder} and {@code text_encoder_2}, or none
   * @throws IllegalStateException if a model only predicts or is closed
   */
  public static Loras of(SameDiffDenoiser unet, ClipTextModel... textEncoders) {
    return of(unet, unet::weightsChanged, List.of(textEncoders));
  }

  private static Loras of(
      SameDiffDenoiser unet, Runnable changed, List<ClipTextModel> textEncoders) {
    if (textEncoders.size() > 2) {
      throw new IllegalArgumentException(
          "text encoders must be at most 2 but were " + textEncoders.size());
    }
    Loras loras = new Loras();
    loras.targets.put(LoraKey.UNET, new LoraTarget(LoraKey.UNET, unet.weights(), changed));
    for (int i = 0; i < textEncoders.size(); i++) {
      ClipTextModel encoder = textEncoders.get(i);
      String part = i == 0 ? LoraKey.TEXT : LoraKey.TEXT_2;
      loras.targets.put(part, new LoraTarget(part, encoder.weights(), encoder::weightsChanged));
    }
    return loras;
  }

  /**
   * Puts a LoRA in; one with the same name is taken out. A failure leaves the model unchanged.
   *
   * @param name a name for {@link #remove}
   * @param scale factor of the change; 1 for the full effect, finite
   * @throws IllegalArgumentException if a layer is not in the model or has another shape there; the
   *     message names the first ones
   * @throws IllegalStateException if the copies of weights exceed memory
   */
  public void put(String name, Lora lora, double scale) {
    if (!Double.isFinite(scale)) {
      throw new IllegalArgumentException("scale must be finite but was " + scale);
    }
    Entry entry = new Entry(resolve(name, lora), scale);
    long bytes = 0;
    for (Map.Entry<String, Map<String, LoraLayer>> part : entry.layers.entrySet()) {
      bytes += target(part.getKey()).newBytes(part.getValue());
    }
    NativeMemory.require("copies of the weights that a LoRA changes", bytes);
    Entry before = entries.remove(name);
    entries.put(name, entry);
    compute(before, entry);
  }

  private Map<String, Map<String, LoraLayer>> resolve(String name, Lora lora) {
    List<String> problems = new ArrayList<>();
    Map<String, Map<String, LoraLayer>> resolved = new LinkedHashMap<>();
    lora.parts()
        .forEach(
            (part, layers) -> {
              LoraTarget target = targets.get(part);
              if (target == null) {
                problems.add("the model has no " + part + ", for " + layers.size() + " layers");
              } else {
                resolved.put(part, target.resolve(layers, problems));
              }
            });
    if (!problems.isEmpty()) {
      int more = problems.size() - MOST_PROBLEMS;
      throw new IllegalArgumentException(
          "LoRA "
              + Shown.text(name)
              + " must fit the model but "
              + String.join("; ", problems.subList(0, Math.min(MOST_PROBLEMS, problems.size())))
              + (more > 0 ? "; and " + more + " more" : ""));
    }
    return resolved;
  }

  /**
   * Takes a LoRA out.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public void remove(String name) {
    Entry entry = entries.remove(name);
    if (entry == null) {
      throw new IllegalArgumentException(
          "LoRA must be one of [" + Shown.list(entries.keySet()) + "] but was " + Shown.text(name));
    }
    compute(entry);
  }

  /** The scales of the LoRAs that are in, by name, in the order in which they were put in. */
  public Map<String, Double> scales() {
    Map<String, Double> scales = new LinkedHashMap<>();
    entries.forEach((name, entry) -> scales.put(name, entry.scale));
    return Collections.unmodifiableMap(scales);
  }

  /** Computes the weights that these entries change, from their originals. */
  private void compute(@Nullable Entry... changed) {
    Detached.run(() -> computeDetached(changed));
  }

  private void computeDetached(@Nullable Entry... changed) {
    targets.forEach(
        (part, target) -> {
          Set<String> names = new LinkedHashSet<>();
          for (Entry entry : changed) {
            if (entry != null) {
              names.addAll(entry.layers.getOrDefault(part, Map.of()).keySet());
            }
          }
          names.forEach(name -> compute(part, target, name));
          if (!names.isEmpty()) {
            target.weightsChanged();
          }
        });
  }

  private void compute(String part, LoraTarget target, String name) {
    INDArray weight = target.restore(name);
    boolean any = false;
    for (Entry entry : entries.values()) {
      LoraLayer layer = entry.layers.getOrDefault(part, Map.of()).get(name);
      if (layer != null) {
        layer.addTo(name, weight, entry.scale);
        any = true;
      }
    }
    if (!any) {
      target.forget(name);
    }
  }

  private LoraTarget target(String part) {
    LoraTarget target = targets.get(part);
    if (target == null) {
      throw new AssertionError(part);
    }
    return target;
  }

  /** Takes all LoRAs out and frees the copies. The model must still be open. */
  @Override
  public void close() {
    for (String name : List.copyOf(entries.keySet())) {
      remove(name);
    }
  }
}
