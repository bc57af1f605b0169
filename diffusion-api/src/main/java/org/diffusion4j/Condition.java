package org.diffusion4j;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What samples are to be of: nothing in particular, or one class label each, where some may be
 * {@link #UNLABELLED}. Immutable.
 */
public final class Condition {

  /** Stands for the label of a sample that is to be of nothing in particular. */
  public static final int UNLABELLED = -1;

  private static final Condition NONE = new Condition(null);

  private final int @Nullable [] labels;

  private Condition(int @Nullable [] labels) {
    this.labels = labels;
  }

  /** The condition of an unconditional model. */
  public static Condition none() {
    return NONE;
  }

  /**
   * One class label per sample.
   *
   * @param labels each in [0, classes) or {@link #UNLABELLED}, at least one
   */
  public static Condition labels(int... labels) {
    if (labels.length == 0) {
      throw new IllegalArgumentException("labels must be at least 1 but were 0");
    }
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < 0 && labels[i] != UNLABELLED) {
        throw new IllegalArgumentException(
            "label must be at least 0, or UNLABELLED, but was " + labels[i] + " for sample " + i);
      }
    }
    return new Condition(labels.clone());
  }

  /**
   * The same class label for each of {@code n} samples.
   *
   * @param label in [0, classes) or {@link #UNLABELLED}
   * @param n at least 1
   */
  public static Condition label(int label, int n) {
    if (n < 1) {
      throw new IllegalArgumentException("number of samples must be at least 1 but was " + n);
    }
    int[] labels = new int[n];
    Arrays.fill(labels, label);
    return labels(labels);
  }

  /** Whether there is nothing to condition on. */
  public boolean isNone() {
    return labels == null;
  }

  /**
   * The labels, one per sample, in a new array.
   *
   * @throws IllegalStateException if this is {@link #none()}
   */
  public int[] labels() {
    if (labels == null) {
      throw new IllegalStateException("condition has no labels");
    }
    return labels.clone();
  }

  /**
   * The condition of samples {@code from} to {@code to - 1}; {@link #none()} stays what it is.
   *
   * @param from in [0, to]
   * @param to at most the number of labels
   * @throws IllegalArgumentException if there are no such samples
   */
  public Condition slice(int from, int to) {
    if (from < 0 || from > to || (labels != null && to > labels.length)) {
      throw new IllegalArgumentException(
          "slice must be within "
              + (labels == null ? "[0, n)" : "[0, " + labels.length + ")")
              + " but was ["
              + from
              + ", "
              + to
              + ")");
    }
    return labels == null ? this : new Condition(Arrays.copyOfRange(labels, from, to));
  }

  /**
   * Checks that there is one label for each of {@code n} samples, or none at all.
   *
   * @throws IllegalArgumentException naming both numbers if not
   */
  public void requireCount(int n) {
    if (labels != null && labels.length != n) {
      throw new IllegalArgumentException(
          "condition must have one label per sample, " + n + ", but has " + labels.length);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Condition that && Arrays.equals(labels, that.labels);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(labels);
  }

  @Override
  public String toString() {
    return labels == null ? "Condition[none]" : "Condition[labels=" + Arrays.toString(labels) + "]";
  }
}
