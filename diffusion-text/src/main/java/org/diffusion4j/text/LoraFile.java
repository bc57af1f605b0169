package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.text.LoraLayer.Matrix;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Reads and writes LoRAs as safetensors files. */
final class LoraFile {

  static final String NAME = "pytorch_lora_weights.safetensors";

  private static final String EXTENSION = ".safetensors";
  private static final String FORMATS =
      "peft (.lora_A.weight), kohya (lora_unet_...lora_down.weight) or old diffusers"
          + " (.processor.to_q_lora.down.weight)";

  private LoraFile() {}

  /** The layers by component and name. */
  static Map<String, Map<String, LoraLayer>> read(Path path) throws IOException {
    Path file = Files.isDirectory(path) ? path.resolve(NAME) : path;
    if (!String.valueOf(file.getFileName()).endsWith(EXTENSION)) {
      throw new ModelFormatException(
          file, "must be a safetensors file; pickles (.bin, .pt, .ckpt) are never read");
    }
    try (Safetensors tensors = Safetensors.open(file)) {
      Map<String, Map<String, LoraLayer>> parts = new TreeMap<>();
      for (Map.Entry<String, Map<String, Map<LoraKey.Kind, String>>> part :
          names(file, tensors).entrySet()) {
        LoraAlphas alphas = LoraAlphas.of(file, tensors.metadata(), part.getKey());
        Map<String, LoraLayer> layers = new TreeMap<>();
        for (Map.Entry<String, Map<LoraKey.Kind, String>> layer : part.getValue().entrySet()) {
          layers.put(
              layer.getKey(), layer(file, tensors, layer.getKey(), layer.getValue(), alphas));
        }
        parts.put(part.getKey(), layers);
      }
      return parts;
    }
  }

  /** The names of the tensors by component, layer and kind. */
  private static Map<String, Map<String, Map<LoraKey.Kind, String>>> names(
      Path file, Safetensors tensors) throws ModelFormatException {
    Map<String, Map<String, Map<LoraKey.Kind, String>>> parts = new TreeMap<>();
    List<String> unknown = new ArrayList<>();
    for (String name : tensors.names()) {
      Optional<LoraKey> parsed = LoraKey.of(name);
      if (parsed.isEmpty()) {
        unknown.add(name);
        continue;
      }
      LoraKey key = parsed.get();
      String other =
          parts
              .computeIfAbsent(key.part(), part -> new TreeMap<>())
              .computeIfAbsent(key.module(), layer -> new EnumMap<>(LoraKey.Kind.class))
              .put(key.kind(), name);
      if (other != null) {
        throw new ModelFormatException(
            file, Shown.text(name) + " must not be the same as " + Shown.text(other) + " but is");
      }
    }
    if (!unknown.isEmpty() || parts.isEmpty()) {
      throw new ModelFormatException(
          file,
          "tensors must be those of a LoRA as "
              + FORMATS
              + (unknown.isEmpty() ? " but there are none" : " but are " + Shown.list(unknown)));
    }
    return parts;
  }

  private static LoraLayer layer(
      Path file,
      Safetensors tensors,
      String module,
      Map<LoraKey.Kind, String> names,
      LoraAlphas alphas)
      throws IOException {
    String down = names.get(LoraKey.Kind.DOWN);
    String up = names.get(LoraKey.Kind.UP);
    if (down == null || up == null) {
      throw new ModelFormatException(
          file,
          "layer " + Shown.text(module) + " must have a matrix " + (up == null ? "up" : "down"));
    }
    requireRank(file, down, tensors.shape(down), tensors.shape(up));
    Matrix matrix = matrix(file, tensors, down);
    double rank = matrix.shape().length == 0 ? 1 : matrix.shape()[0];
    String own = names.get(LoraKey.Kind.ALPHA);
    double alpha = own == null ? alphas.of(module, rank) : scalar(file, tensors, own);
    LoraLayer layer = new LoraLayer(matrix, matrix(file, tensors, up), alpha);
    try {
      layer.requireProduct();
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(
          file, "layer " + Shown.text(module) + ": " + e.getMessage(), e);
    }
    return layer;
  }

  /** A rank above the smaller side of a layer would only take memory and time. */
  private static void requireRank(Path file, String name, long[] down, long[] up)
      throws ModelFormatException {
    if (down.length < 2 || up.length < 2) {
      return; // No matrices: LoraLayer refuses them.
    }
    long in = NativeMemory.product(Arrays.copyOfRange(down, 1, down.length));
    long most = Math.min(in, up[0]);
    if (down[0] > most) {
      throw new ModelFormatException(
          file,
          Shown.text(name)
              + " must have at most the rank "
              + most
              + ", the smaller side of its layer, but has "
              + down[0]);
    }
  }

  private static Matrix matrix(Path file, Safetensors tensors, String name) throws IOException {
    try (INDArray array = tensors.read(name)) {
      if (!array.dataType().isFPType()) {
        throw new ModelFormatException(
            file, Shown.text(name) + " must be of floats but is " + tensors.dtype(name));
      }
      float[] values = array.dataType() == DataType.FLOAT ? floats(array) : converted(array);
      return new Matrix(values, tensors.shape(name));
    }
  }

  private static float[] converted(INDArray array) {
    try (INDArray floats = array.castTo(DataType.FLOAT)) {
      return floats(floats);
    }
  }

  private static float[] floats(INDArray array) {
    return array.isEmpty() ? new float[0] : array.data().asFloat();
  }

  private static double scalar(Path file, Safetensors tensors, String name) throws IOException {
    try (INDArray array = tensors.read(name)) {
      if (array.length() != 1) {
        throw new ModelFormatException(
            file, Shown.text(name) + " must be one number but are " + array.length());
      }
      return array.getDouble(0);
    }
  }

  /**
   * Writes layers in the format peft, in which alpha is the rank: the upper matrices are scaled
   * accordingly. Layers that kohya's format named are written in it.
   */
  static void write(Path file, Map<String, Map<String, LoraLayer>> parts) throws IOException {
    Map<String, INDArray> tensors = new LinkedHashMap<>();
    try {
      parts.forEach(
          (part, layers) -> layers.forEach((module, layer) -> add(tensors, part, module, layer)));
      Safetensors.write(file, tensors, Map.of("format", "pt"));
    } finally {
      tensors.values().forEach(INDArray::close);
    }
  }

  private static void add(
      Map<String, INDArray> tensors, String part, String module, LoraLayer layer) {
    INDArray up = layer.up().array();
    if (module.indexOf('.') >= 0) {
      up.muli((float) (layer.alpha() / layer.rank()));
      tensors.put(part + "." + module + ".lora_A.weight", layer.down().array());
      tensors.put(part + "." + module + ".lora_B.weight", up);
      return;
    }
    String name = kohya(part) + module;
    tensors.put(name + ".lora_down.weight", layer.down().array());
    tensors.put(name + ".lora_up.weight", up);
    tensors.put(
        name + ".alpha", new Matrix(new float[] {(float) layer.alpha()}, new long[0]).array());
  }

  private static String kohya(String part) {
    return switch (part) {
      case LoraKey.TEXT -> "lora_te_";
      case LoraKey.TEXT_2 -> "lora_te2_";
      default -> "lora_unet_";
    };
  }
}
