package org.diffusion4j.data;

import java.io.IOException;
import java.util.List;
import org.diffusion4j.Condition;

/**
 * Samples that can be read one by one, in any order: what a {@link SampleIterator} makes batches
 * of. Sources of this package are immutable and may be read by several threads. {@code toString()}
 * says what the data is: file names, count, shape, classes.
 */
public interface SampleSource {

  /** Number of samples, at least 1. */
  int size();

  /** Shape of one sample, {channels, height, width} or {features}, in a new array. */
  long[] sampleShape();

  /**
   * Reads a sample.
   *
   * @param index in [0, size)
   * @param into gets the values in [-1, 1], in C order; as long as the product of the sample shape
   * @throws IOException naming the file, if it cannot be read
   * @throws IndexOutOfBoundsException if there is no such sample
   * @throws IllegalArgumentException if {@code into} has another length
   */
  void read(int index, float[] into) throws IOException;

  /** Number of classes; 0 if the samples have no labels. */
  default int classes() {
    return classNames().size();
  }

  /**
   * Class of a sample.
   *
   * @param index in [0, size)
   * @return in [0, classes), or {@link Condition#UNLABELLED}
   * @throws IndexOutOfBoundsException if there is no such sample
   * @throws IllegalStateException if the samples have no labels
   */
  int label(int index);

  /** Name of each class, immutable; empty if the samples have no labels. */
  List<String> classNames();

  /**
   * What the samples are, wherever their files lie. Training is continued only on data of the same
   * description. By default count, shape and number of classes; sources of this package add their
   * kind and a checksum of the content.
   */
  default String description() {
    return Samples.describe(this);
  }
}
