package org.diffusion4j.data;

import java.io.IOException;
import java.util.List;
import org.diffusion4j.Condition;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Samples that can be read individually, in any order; {@link SampleIterator} makes batches of
 * them. The sources of this package are immutable and thread-safe. {@code toString()} describes the
 * data: file names, count, shape, classes.
 *
 * <p>For a model that is conditioned by pictures, each sample comes with one: its channels are the
 * last ones of the sample, {@code [channels + pictureChannels, height, width]}. {@link #enlarging}
 * makes such samples of images.
 */
public interface SampleSource {

  /**
   * Samples without labels, copied from an array.
   *
   * @param samples {@code [n, sampleShape...]}, values in [-1, 1]
   * @throws IllegalArgumentException if there is no sample or a value is outside [-1, 1]
   */
  static SampleSource of(INDArray samples) {
    return InMemorySamples.of(samples);
  }

  /**
   * Samples with labels, copied from arrays; class names are numbers.
   *
   * @param samples {@code [n, sampleShape...]}, values in [-1, 1]
   * @param labels one a sample, each in [0, classes) or {@link Condition#UNLABELLED}
   * @param classes number of classes, at least 1
   * @throws IllegalArgumentException if there is no sample, a value is outside [-1, 1], or the
   *     labels do not fit
   */
  static SampleSource of(INDArray samples, int[] labels, int classes) {
    return InMemorySamples.of(samples).withLabels(labels, classes);
  }

  /**
   * Vectors of any range, without labels, each feature scaled to [-1, 1] by its smallest and
   * greatest value; copied.
   *
   * @param rows at least one, all of the same length, finite, in original units
   */
  static SampleSource ofVectors(double[][] rows) {
    return ofVectors(rows, Scaling.fit(rows));
  }

  /**
   * Vectors of any range, without labels, copied.
   *
   * @param rows at least one, finite, in original units
   * @param scaling their scaling to [-1, 1]; values outside its ranges are scaled to values outside
   */
  static SampleSource ofVectors(double[][] rows, Scaling scaling) {
    return InMemorySamples.ofVectors(rows, scaling);
  }

  /**
   * Vectors of any range with labels, copied; class names are numbers.
   *
   * @param rows at least one, finite, in original units
   * @param scaling their scaling to [-1, 1]; values outside its ranges are scaled to values outside
   * @param labels one a row, each in [0, classes) or {@link Condition#UNLABELLED}
   * @param classes number of classes, at least 1
   */
  static SampleSource ofVectors(double[][] rows, Scaling scaling, int[] labels, int classes) {
    return InMemorySamples.ofVectors(rows, scaling).withLabels(labels, classes);
  }

  /** The number of samples, at least 1. */
  int size();

  /** The shape of a sample, {channels, height, width} or {features}, in a new array. */
  long[] sampleShape();

  /**
   * Reads a sample.
   *
   * @param index in [0, size)
   * @param into receives the values in [-1, 1], in C order; its length is the product of the sample
   *     shape
   * @throws IOException naming the file, if it cannot be read
   * @throws IndexOutOfBoundsException if there is no such sample
   * @throws IllegalArgumentException if {@code into} has another length
   */
  void read(int index, float[] into) throws IOException;

  /**
   * Reads a sample for an epoch of training. A source that draws its samples draws others in each
   * epoch; by default they are the same.
   *
   * @param index in [0, size)
   * @param epoch at least 0
   * @param into receives the values, as for {@link #read(int, float[])}
   * @throws IOException naming the file, if it cannot be read
   */
  default void read(int index, int epoch, float[] into) throws IOException {
    read(index, into);
  }

  /** The number of classes; 0 if the samples have no labels. */
  default int classes() {
    return classNames().size();
  }

  /**
   * The class of a sample.
   *
   * @param index in [0, size)
   * @return in [0, classes), or {@link Condition#UNLABELLED}
   * @throws IndexOutOfBoundsException if there is no such sample
   * @throws IllegalStateException if the samples have no labels
   */
  int label(int index);

  /** The class names, immutable; empty if the samples have no labels. */
  List<String> classNames();

  /**
   * The shape {tokens, width} of the embeddings, or of the token ids, that each sample comes with,
   * in a new array; empty if there are none. {@link SampleIterator} returns them as labels {@code
   * [n, tokens, width]}. A source has either classes or embeddings.
   */
  default long[] embeddingShape() {
    return new long[0];
  }

  /**
   * Reads the embeddings of a sample.
   *
   * @param index in [0, size)
   * @param into receives the values in C order; its length is the product of the embedding shape
   * @throws IOException naming the file, if they cannot be read
   * @throws IndexOutOfBoundsException if there is no such sample
   * @throws IllegalArgumentException if {@code into} has another length
   * @throws IllegalStateException if the samples have no embeddings
   */
  default void readEmbeddings(int index, float[] into) throws IOException {
    throw new IllegalStateException("samples have no embeddings");
  }

  /**
   * These samples with another shape of as many values, in C order. So the rows of a table become
   * series: {@code rows.reshaped(1, 64)}.
   *
   * @param shape for example {channels, length}
   * @throws IllegalArgumentException if the number of values differs
   */
  default SampleSource reshaped(long... shape) {
    return ReshapedSamples.of(this, shape);
  }

  /**
   * The windows of a long time series: {@code [features, length]} each. The samples of this source
   * are vectors, one for each point in time, in order. The class of a window is that of its
   * samples; windows whose samples are of several classes are left out.
   *
   * @param length points in time of a window, in [1, size]
   * @param stride from the start of a window to that of the next, at least 1; below {@code length},
   *     windows overlap
   * @throws IllegalArgumentException if samples are not vectors, a number is out of range, or no
   *     window is of one class
   */
  default SampleSource windows(int length, int stride) {
    return Windows.of(this, length, stride);
  }

  /**
   * These images, each with itself at a lower resolution, enlarged again, as the picture that it
   * comes with: {@code [2 channels, height, width]}. A model learns to enlarge from them (SR3,
   * Saharia et al. 2021).
   *
   * @param factor between the resolutions, at least 2; a divisor of height and width
   * @throws IllegalArgumentException if samples are not images, or if the factor does not fit
   * @see #reduced
   * @see #enlarged
   */
  default SampleSource enlarging(int factor) {
    return Enlarging.of(this, factor);
  }

  /**
   * Pictures at a lower resolution, as {@link #enlarging} reduces them: each pixel is the mean of
   * {@code factor x factor} pixels.
   *
   * @param pictures {@code [n, channels, height, width]}; left unchanged
   * @param factor at least 2; a divisor of height and width
   * @return FLOAT {@code [n, channels, height / factor, width / factor]}, owned by the caller
   * @throws IllegalArgumentException if shape or factor do not fit
   */
  static INDArray reduced(INDArray pictures, int factor) {
    return Enlarging.reduced(pictures, factor);
  }

  /**
   * Enlarged pictures, as {@link #enlarging} enlarges them: bicubic (Keys 1981, a = -1/2), clamped
   * to [-1, 1]. They are the condition of a model that was trained on such samples.
   *
   * @param pictures {@code [n, channels, height, width]}, values in [-1, 1]; left unchanged
   * @param factor at least 2
   * @return FLOAT {@code [n, channels, factor height, factor width]}, owned by the caller
   * @throws IllegalArgumentException if shape or factor do not fit
   */
  static INDArray enlarged(INDArray pictures, int factor) {
    return Enlarging.enlarged(pictures, factor);
  }

  /**
   * A description of the samples that does not depend on the location of files. Training is resumed
   * only with data of the same description. By default it has count, shape and number of classes;
   * the sources of this package add their kind and a checksum of the content.
   */
  default String description() {
    return Samples.describe(this);
  }
}
