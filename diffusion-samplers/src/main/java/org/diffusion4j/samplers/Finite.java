package org.diffusion4j.samplers;

import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Checks that arrays contain no infinity and no NaN. */
final class Finite {

  private Finite() {}

  /** The index of the first sample with a value that is not finite, or -1. */
  static int firstBad(INDArray batch) {
    long place = Elements.firstNotFinite(batch);
    return place < 0 ? -1 : (int) (place / (batch.length() / batch.size(0)));
  }
}
