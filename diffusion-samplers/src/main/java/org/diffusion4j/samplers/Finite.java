package org.diffusion4j.samplers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Whether arrays hold numbers that are neither infinite nor NaN. */
final class Finite {

  private Finite() {}

  /** The index of the first sample with a value that is not finite, or -1. */
  static int firstBad(INDArray batch) {
    // A sum that is not finite may be one of values that are.
    if (!Double.isFinite(batch.sumNumber().doubleValue())) {
      for (int i = 0; i < batch.size(0); i++) {
        if (!isFinite(batch.get(NDArrayIndex.interval(i, i + 1)))) {
          return i;
        }
      }
    }
    return -1;
  }

  private static boolean isFinite(INDArray sample) {
    if (Double.isFinite(sample.sumNumber().doubleValue())) {
      return true;
    }
    for (long k = 0; k < sample.length(); k++) {
      if (!Double.isFinite(sample.getDouble(k))) {
        return false;
      }
    }
    return true;
  }
}
