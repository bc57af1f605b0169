package org.diffusion4j.text;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Arithmetic on masks: 1 for what is repainted, 0 for what is kept. */
final class Masks {

  private static final float THRESHOLD = 0.5f;

  private Masks() {}

  /** 1 where a value is at least 0.5, else 0, in a new array. */
  static INDArray binary(INDArray masks) {
    float[] values = values(masks);
    for (int i = 0; i < values.length; i++) {
      values[i] = values[i] >= THRESHOLD ? 1 : 0;
    }
    return Nd4j.create(values, masks.shape(), 'c');
  }

  /** Every n-th pixel of every n-th row, from the top left, in a new array. */
  static INDArray everyNth(INDArray masks, int n) {
    float[] values = values(masks);
    int count = (int) masks.size(0);
    int height = (int) masks.size(2);
    int width = (int) masks.size(3);
    float[] small = new float[count * (height / n) * (width / n)];
    int at = 0;
    for (int i = 0; i < count; i++) {
      for (int y = 0; y < height / n; y++) {
        for (int x = 0; x < width / n; x++) {
          small[at++] = values[(i * height + y * n) * width + x * n];
        }
      }
    }
    return Nd4j.create(small, new long[] {count, 1, height / n, width / n}, 'c');
  }

  /** Pictures with 0, which is gray, where the mask is 1, in a new array. */
  static INDArray without(INDArray images, INDArray masks) {
    float[] values = values(images);
    float[] unknown = values(masks);
    forEach(images, (k, m) -> values[k] *= 1 - unknown[m]);
    return Nd4j.create(values, images.shape(), 'c');
  }

  /**
   * Puts the known part into samples, and frees it.
   *
   * @param known of the samples' shape
   */
  static void replace(INDArray x, INDArray masks, INDArray known) {
    try (known) {
      float[] values = values(x);
      float[] unknown = values(masks);
      float[] others = values(known);
      forEach(x, (k, m) -> values[k] = (1 - unknown[m]) * others[k] + unknown[m] * values[k]);
      try (INDArray mixed = Nd4j.create(values, x.shape(), 'c')) {
        x.assign(mixed);
      }
    }
  }

  /** Channels behind others, in a new array. */
  static INDArray concat(INDArray first, INDArray second) {
    return Nd4j.concat(1, first, second);
  }

  /** A view. */
  static INDArray rows(INDArray array, long first, long n) {
    return array.get(NDArrayIndex.interval(first, first + n));
  }

  @FunctionalInterface
  private interface Place {
    void at(int value, int mask);
  }

  /** Visits every value of pictures with its place in masks of one channel. */
  private static void forEach(INDArray images, Place place) {
    int pixels = (int) (images.size(2) * images.size(3));
    int size = (int) images.size(1) * pixels;
    for (int k = 0; k < images.length(); k++) {
      place.at(k, k / size * pixels + k % pixels);
    }
  }

  private static float[] values(INDArray array) {
    if (array.dataType() != DataType.FLOAT) {
      throw new IllegalArgumentException("values must be FLOAT but were " + array.dataType());
    }
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }
}
