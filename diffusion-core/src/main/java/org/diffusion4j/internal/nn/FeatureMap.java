package org.diffusion4j.internal.nn;

import org.nd4j.autodiff.samediff.SDVariable;

/** A value of a graph, {@code [batch, channels, height, width]}; only the batch size is unknown. */
public record FeatureMap(SDVariable value, int channels, int height, int width) {

  /** Another value of the same height and width. */
  public FeatureMap of(SDVariable other, int otherChannels) {
    return new FeatureMap(other, otherChannels, height, width);
  }
}
