package org.diffusion4j.text;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.WeightLayout;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A component whose weights LoRAs change, and the original of each changed weight. */
final class LoraTarget {

  private static final String WEIGHT = ".weight";

  private final String part;
  private final Map<String, INDArray> weights;
  private final Runnable changed;
  private final Map<String, String> byModule = new TreeMap<>();
  private final Map<String, INDArray> originals = new LinkedHashMap<>();

  /**
   * @param changed is told that weights have changed
   */
  LoraTarget(String part, Map<String, INDArray> weights, Runnable changed) {
    this.part = part;
    this.weights = weights;
    this.changed = changed;
    for (String name : weights.keySet()) {
      if (name.endsWith(WEIGHT)) {
        byModule.put(flat(name.substring(0, name.length() - WEIGHT.length())), name);
      }
    }
  }

  /** Kohya's names have underscores instead of dots. */
  private static String flat(String module) {
    return module.replace('.', '_');
  }

  /**
   * The weights that layers change.
   *
   * @param problems receives what does not fit
   */
  Map<String, LoraLayer> resolve(Map<String, LoraLayer> layers, List<String> problems) {
    Map<String, LoraLayer> found = new LinkedHashMap<>();
    layers.forEach(
        (module, layer) -> {
          String name = byModule.get(flat(module));
          INDArray weight = name == null ? null : weights.get(name);
          if (name == null || weight == null) {
            problems.add(part + " has no layer " + Shown.text(module));
          } else if (!layer.fits(name, weight.shape())) {
            problems.add(
                Shown.text(name)
                    + " must be "
                    + Arrays.toString(WeightLayout.TORCH.shape(name, weight.shape()))
                    + " but the change is "
                    + layer.shown());
          } else if (found.put(name, layer) != null) {
            problems.add(Shown.text(name) + " has two layers");
          }
        });
    return found;
  }

  /** The bytes of those weights whose originals are not kept yet. */
  long newBytes(Map<String, LoraLayer> layers) {
    return layers.keySet().stream()
        .filter(name -> !originals.containsKey(name))
        .mapToLong(name -> weight(name).length() * Float.BYTES)
        .sum();
  }

  /** Sets a weight to its original. */
  INDArray restore(String name) {
    INDArray weight = weight(name);
    INDArray original = originals.get(name);
    if (original == null) {
      originals.put(name, weight.dup('c'));
    } else {
      weight.assign(original);
    }
    return weight;
  }

  /** Frees the copy of a weight that no LoRA changes any more. */
  void forget(String name) {
    INDArray original = originals.remove(name);
    if (original != null) {
      original.close();
    }
  }

  private INDArray weight(String name) {
    INDArray weight = weights.get(name);
    if (weight == null) {
      throw new AssertionError(name);
    }
    return weight;
  }

  void weightsChanged() {
    changed.run();
  }
}
