package org.diffusion4j.unet;

import java.util.Set;

/**
 * What a graph does not tell of itself.
 *
 * @param frozen names of constants that are part of the weights
 * @param nullClass whether the last class is for samples without a label
 * @param vectorLabels whether {@code class_labels} are vectors, not one-hot rows
 * @param dropout the probability of dropout, if the graph has placeholders for masks
 * @param ownsWeights whether the weights belong to the graph's denoiser
 */
record GraphTraits(
    Set<String> frozen,
    boolean nullClass,
    boolean vectorLabels,
    double dropout,
    boolean ownsWeights) {

  /** The traits of a custom graph. */
  static final GraphTraits NONE = of(Set.of(), false, 0);

  static GraphTraits of(Set<String> frozen, boolean nullClass, double dropout) {
    return new GraphTraits(frozen, nullClass, false, dropout, true);
  }
}
