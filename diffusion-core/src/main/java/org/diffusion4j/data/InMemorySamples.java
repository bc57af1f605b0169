package org.diffusion4j.data;

import java.util.Arrays;
import java.util.List;
import org.diffusion4j.Condition;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Samples held in memory, copied from arrays: {@link SampleSource#of}. */
final class InMemorySamples implements SampleSource {

  private final float[] values;
  private final long[] shape;
  private final int length;
  private final int size;
  private final int @Nullable [] labels;
  private final List<String> classNames;

  private InMemorySamples(
      float[] values, long[] shape, int @Nullable [] labels, List<String> classNames) {
    this.values = values;
    this.shape = shape;
    this.length = Samples.length(shape);
    this.size = values.length / length;
    this.labels = labels;
    this.classNames = classNames;
  }

  /**
   * Samples without labels.
   *
   * @param samples {@code [n, sampleShape...]}, values in [-1, 1]
   * @throws IllegalArgumentException if there is no sample or a value is outside [-1, 1]
   */
  static InMemorySamples of(INDArray samples) {
    if (samples.rank() < 2 || samples.isEmpty()) {
      throw new IllegalArgumentException(
          "samples must have shape [n, sampleShape...] with n at least 1 but had "
              + Arrays.toString(samples.shape()));
    }
    requireLength(samples.length());
    long[] shape = Arrays.copyOfRange(samples.shape(), 1, samples.rank());
    int length = Samples.length(shape);
    double[] from = Samples.doubles(samples);
    float[] values = new float[from.length];
    for (int i = 0; i < from.length; i++) {
      if (!(from[i] >= -1 && from[i] <= 1)) {
        throw new IllegalArgumentException(
            "samples must have values in [-1, 1] but sample " + i / length + " has " + from[i]);
      }
      values[i] = (float) from[i];
    }
    return new InMemorySamples(values, shape, null, List.of());
  }

  /**
   * Vectors of any range, without labels.
   *
   * @param rows at least one, finite, in original units
   * @param scaling their scaling to [-1, 1]; values outside its ranges are scaled to values outside
   */
  static InMemorySamples ofVectors(double[][] rows, Scaling scaling) {
    Scaling.requireRows(rows.length);
    int features = scaling.features();
    requireLength((long) rows.length * features);
    float[] values = new float[rows.length * features];
    for (int r = 0; r < rows.length; r++) {
      if (rows[r].length != features) {
        throw new IllegalArgumentException(
            "row " + r + " must have " + features + " features but has " + rows[r].length);
      }
      float[] scaled = scaling.apply(rows[r]);
      for (float value : scaled) {
        if (!Float.isFinite(value)) {
          throw new IllegalArgumentException(
              "values must be finite but row " + r + " is " + Arrays.toString(rows[r]));
        }
      }
      System.arraycopy(scaled, 0, values, r * features, features);
    }
    return new InMemorySamples(values, new long[] {features}, null, List.of());
  }

  /**
   * A copy with labels; class names are numbers.
   *
   * @param labels one per sample, each in [0, classes) or {@link Condition#UNLABELLED}
   * @param classes number of classes, at least 1
   */
  InMemorySamples withLabels(int[] labels, int classes) {
    if (labels.length != size) {
      throw new IllegalArgumentException(
          "labels must be one per sample, " + size + ", but were " + labels.length);
    }
    for (int i = 0; i < size; i++) {
      Samples.requireLabel(labels[i], classes, i);
    }
    return withLabels(labels.clone(), Samples.numberedClasses(classes));
  }

  InMemorySamples withLabels(int[] ownLabels, List<String> names) {
    return new InMemorySamples(values, shape, ownLabels, names);
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public long[] sampleShape() {
    return shape.clone();
  }

  @Override
  public void read(int index, float[] into) {
    Samples.requireRead(index, size, into, length);
    System.arraycopy(values, index * length, into, 0, length);
  }

  @Override
  public int label(int index) {
    return Samples.label(labels, index, size);
  }

  @Override
  public List<String> classNames() {
    return classNames;
  }

  /** {@inheritDoc} The checksum covers all values and labels. */
  @Override
  public String description() {
    Checksum checksum = new Checksum().add(values).add(labels == null ? new int[0] : labels);
    return "InMemorySamples[" + Samples.describe(this) + ", " + checksum + "]";
  }

  @Override
  public String toString() {
    return "InMemorySamples[" + Samples.describe(this) + "]";
  }

  private static void requireLength(long length) {
    if (length > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "samples must have less than 2^31 values in total but have " + length);
    }
  }
}
