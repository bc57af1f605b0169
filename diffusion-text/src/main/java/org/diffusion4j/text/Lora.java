package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Low-rank changes of a model's layers, LoRA (Hu et al. 2021, arXiv:2106.09685): a fine-tuned model
 * as a small file. {@link Loras} puts it into a model.
 *
 * <p>Immutable. The matrices are on the heap.
 */
public final class Lora {

  private final Map<String, Map<String, LoraLayer>> parts;

  /**
   * @param parts layers by component, {@code unet} or {@code text_encoder}, and name
   */
  Lora(Map<String, Map<String, LoraLayer>> parts) {
    this.parts = Collections.unmodifiableMap(new TreeMap<>(parts));
  }

  /**
   * Reads a LoRA in the format of peft and diffusers, of kohya's scripts, or of diffusers before
   * 0.22, whichever the names of its tensors show. Each layer has its own alpha; in peft's format
   * alpha is the rank unless the metadata say otherwise.
   *
   * @param path a safetensors file, or a directory with {@code pytorch_lora_weights.safetensors}
   * @throws org.diffusion4j.ModelFormatException if it is missing, damaged, no safetensors file,
   *     has tensors of other formats, or a rank above the inputs or the outputs of a layer; the
   *     message names it
   * @throws IOException if it cannot be read
   */
  public static Lora load(Path path) throws IOException {
    return new Lora(LoraFile.read(path));
  }

  /**
   * Writes this LoRA in peft's format, as {@code pytorch_lora_weights.safetensors} in the directory
   * of a pipeline has it; one that was read from kohya's format is written in that format. Equal
   * LoRAs give equal bytes.
   *
   * @param file a file with the extension {@code .safetensors}; an existing one is replaced when
   *     the new one is complete
   * @throws IOException if it cannot be written
   */
  public void save(Path file) throws IOException {
    LoraFile.write(file, parts);
  }

  Map<String, Map<String, LoraLayer>> parts() {
    return parts;
  }

  /** The number of changed layers. */
  public int layers() {
    return parts.values().stream().mapToInt(Map::size).sum();
  }

  @Override
  public String toString() {
    return parts.entrySet().stream()
        .map(part -> part.getKey() + ": " + part.getValue().size() + " layers")
        .collect(Collectors.joining(", ", "Lora[", "]"));
  }
}
