package org.diffusion4j.data;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.internal.common.NativeMemory;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/** Helpers of the sources. */
final class Samples {

  private Samples() {}

  /** The number of values of a sample. */
  static int length(long[] shape) {
    long length = 1;
    for (long dimension : shape) {
      if (dimension < 1 || dimension > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "sample shape must be of positive ints but was " + Arrays.toString(shape));
      }
      length *= dimension;
      if (length > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "sample must have at most 2^31 - 1 values but has shape " + Arrays.toString(shape));
      }
    }
    return (int) length;
  }

  static void requireRead(int index, int size, float[] into, int length) {
    Objects.checkIndex(index, size);
    if (into.length != length) {
      throw new IllegalArgumentException(
          "array must have the " + length + " values of a sample but has " + into.length);
    }
  }

  static int label(int @Nullable [] labels, int index, int size) {
    Objects.checkIndex(index, size);
    if (labels == null) {
      throw new IllegalStateException("samples have no labels");
    }
    return labels[index];
  }

  /**
   * Checks that a label is in [0, classes) or UNLABELLED.
   *
   * @return the label
   */
  static int requireLabel(int label, int classes, int index) {
    if (label != Condition.UNLABELLED && (label < 0 || label >= classes)) {
      throw new IllegalArgumentException(
          "label must be in [0, "
              + classes
              + "), or UNLABELLED, but was "
              + label
              + " for sample "
              + index);
    }
    return label;
  }

  /** The default class names "0", "1", ... */
  static List<String> numberedClasses(int classes) {
    return IntStream.range(0, classes).mapToObj(Integer::toString).toList();
  }

  /** The number of values of a sample's embeddings; 0 if there are none. */
  static int embeddingLength(SampleSource source) {
    long[] shape = source.embeddingShape();
    return shape.length == 0 ? 0 : length(shape);
  }

  /** A description such as {@code 60000 x [1, 28, 28], 10 classes}. */
  static String describe(SampleSource source) {
    long[] embeddings = source.embeddingShape();
    return source.size()
        + " x "
        + Arrays.toString(source.sampleShape())
        + (source.classes() == 0 ? "" : ", " + source.classes() + " classes")
        + (embeddings.length == 0 ? "" : ", embeddings " + Arrays.toString(embeddings));
  }

  /** Frees a batch that is not returned to a caller. */
  static void close(DataSet batch) {
    for (INDArray array :
        Arrays.asList(
            batch.getFeatures(),
            batch.getLabels(),
            batch.getFeaturesMaskArray(),
            batch.getLabelsMaskArray())) {
      if (array != null && array.closeable()) {
        array.close();
      }
    }
  }

  /**
   * The values of an array of any numeric type, strides or offset, in C order.
   *
   * @throws IllegalStateException if there is no memory for a copy
   */
  static double[] doubles(INDArray array) {
    NativeMemory.require("values", array.length(), Math.max(1, array.dataType().width()), 0);
    try (INDArray copy = array.dup('c')) {
      return copy.data().asDouble();
    }
  }
}
