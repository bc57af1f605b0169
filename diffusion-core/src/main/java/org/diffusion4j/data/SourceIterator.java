package org.diffusion4j.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.NoSuchElementException;
import org.diffusion4j.Condition;
import org.diffusion4j.internal.common.Backend;
import org.diffusion4j.internal.common.NativeMemory;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.factory.Nd4j;

/** The batches of a source, read on the calling thread. */
@SuppressWarnings("serial") // The interface asks for it, but sources are not serializable.
final class SourceIterator implements SampleIterator {

  private final SampleSource source;
  private final long[] shape;
  private final int batchSize;
  private final @Nullable Long shuffleSeed;
  private final @Nullable Long flipSeed;
  private final boolean dropPartial;
  private final float[] sample;
  private final float[] embeddings;

  private int epoch;
  private int[] order;
  private int position;
  private @Nullable String sourceDescription;
  private @Nullable DataSetPreProcessor preProcessor;

  SourceIterator(Builder builder, long[] shape, int length) {
    this.source = builder.source;
    this.shape = shape;
    this.batchSize = builder.batchSize;
    this.shuffleSeed = builder.shuffleSeed;
    this.flipSeed = builder.flipSeed;
    this.dropPartial = builder.dropPartial;
    this.sample = new float[length];
    this.embeddings = new float[Samples.embeddingLength(source)];
    this.order = order(0);
  }

  static void requireMemory(int samples, int length, SampleSource source) {
    long values = (long) length + source.classes() + Samples.embeddingLength(source);
    NativeMemory.require("samples of a batch", samples, Float.BYTES * values, 0);
  }

  @Override
  public boolean hasNext() {
    return order.length - position >= (dropPartial ? batchSize : 1);
  }

  /**
   * The next batch of the epoch.
   *
   * @throws NoSuchElementException at the end of the epoch
   * @throws UncheckedIOException naming the batch and the file, if a sample cannot be read
   * @throws IllegalArgumentException naming the sample, if its label is neither a class of the
   *     source nor {@link org.diffusion4j.Condition#UNLABELLED}. After an exception the position is
   *     unchanged.
   */
  @Override
  public DataSet next() {
    if (!hasNext()) {
      throw new NoSuchElementException("epoch " + epoch + " has no more batches");
    }
    return take(batchSize);
  }

  /**
   * The next samples of the epoch; fewer than requested at its end.
   *
   * @param number at least 1
   * @throws NoSuchElementException at the end of the epoch
   * @throws UncheckedIOException naming the batch and the file, if a sample cannot be read
   */
  @Override
  public DataSet next(int number) {
    if (number < 1) {
      throw new IllegalArgumentException("number of samples must be at least 1 but was " + number);
    }
    if (position == order.length) {
      throw new NoSuchElementException("epoch " + epoch + " has no more samples");
    }
    return take(number);
  }

  @Override
  public int skip() {
    if (!hasNext()) {
      throw new NoSuchElementException("epoch " + epoch + " has no more batches");
    }
    int n = Math.min(batchSize, order.length - position);
    position += n;
    return n;
  }

  private DataSet take(int most) {
    int n = Math.min(most, order.length - position);
    if (n > batchSize) {
      requireMemory(n, sample.length, source);
    }
    float[] values = new float[Math.multiplyExact(n, sample.length)];
    int classes = source.classes();
    int width = Math.max(classes, embeddings.length);
    float[] labels = new float[Math.multiplyExact(n, width)];
    for (int i = 0; i < n; i++) {
      int index = order[position + i];
      read(index);
      System.arraycopy(sample, 0, values, i * sample.length, sample.length);
      if (classes > 0) {
        int label = Samples.requireLabel(source.label(index), classes, index);
        if (label != Condition.UNLABELLED) {
          labels[i * width + label] = 1;
        }
      } else if (width > 0) {
        System.arraycopy(embeddings, 0, labels, i * width, width);
      }
    }
    Backend.start();
    DataSet data = new DataSet(Nd4j.create(values, batchShape(n, shape), 'c'), null);
    try {
      if (width > 0) {
        long[] ofSample = classes > 0 ? new long[] {classes} : source.embeddingShape();
        data.setLabels(Nd4j.create(labels, batchShape(n, ofSample), 'c'));
      }
      if (preProcessor != null) {
        preProcessor.preProcess(data);
      }
    } catch (Throwable e) {
      Samples.close(data);
      throw e;
    }
    position += n;
    return data;
  }

  private void read(int index) {
    try {
      source.read(index, epoch, sample);
      if (embeddings.length > 0) {
        source.readEmbeddings(index, embeddings);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "batch "
              + position / batchSize
              + " of epoch "
              + epoch
              + ", sample "
              + index
              + ": "
              + e.getMessage(),
          e);
    }
    if (flipSeed != null && Permutation.toss(flipSeed, epoch, index)) {
      mirror();
    }
  }

  private void mirror() {
    int width = (int) shape[2];
    for (int row = 0; row < sample.length; row += width) {
      for (int left = row, right = row + width - 1; left < right; left++, right--) {
        float swapped = sample[left];
        sample[left] = sample[right];
        sample[right] = swapped;
      }
    }
  }

  private static long[] batchShape(int n, long[] ofSample) {
    long[] batchShape = new long[ofSample.length + 1];
    batchShape[0] = n;
    System.arraycopy(ofSample, 0, batchShape, 1, ofSample.length);
    return batchShape;
  }

  /** Starts the next epoch at any position of this one. */
  @Override
  public void reset() {
    epoch++;
    order = order(epoch);
    position = 0;
  }

  @Override
  public Position position() {
    return new Position(epoch, position);
  }

  /**
   * Moves to a position, which may be inside a batch. In another epoch this takes as long as
   * shuffling its indices.
   *
   * @throws IllegalArgumentException if an epoch has fewer samples
   */
  @Override
  public void seek(Position to) {
    if (to.sample() > order.length) {
      throw new IllegalArgumentException(
          "sample must be in [0, " + order.length + "] but was " + to.sample());
    }
    if (to.epoch() != epoch) {
      order = order(to.epoch());
      epoch = to.epoch();
    }
    position = to.sample();
  }

  /**
   * {@inheritDoc}
   *
   * <p>It has the source's {@link SampleSource#description()}, the batch size and the seeds, and
   * whether there is a preprocessor.
   */
  @Override
  public String description() {
    if (sourceDescription == null) {
      sourceDescription = source.description();
    }
    return describe(sourceDescription);
  }

  private int[] order(int ofEpoch) {
    return shuffleSeed == null
        ? Permutation.identity(source.size())
        : Permutation.of(source.size(), shuffleSeed, ofEpoch);
  }

  /** The number of values of a sample. */
  @Override
  public int inputColumns() {
    return sample.length;
  }

  /** The number of classes; 0 if there are no labels. */
  @Override
  public int totalOutcomes() {
    return source.classes();
  }

  @Override
  public boolean resetSupported() {
    return true;
  }

  /** True: another thread may prefetch batches. */
  @Override
  public boolean asyncSupported() {
    return true;
  }

  /** The number of samples of a full batch. */
  @Override
  public int batch() {
    return batchSize;
  }

  /** Sets a preprocessor of every batch; null for none. */
  @Override
  public void setPreProcessor(@Nullable DataSetPreProcessor preProcessor) {
    this.preProcessor = preProcessor;
  }

  @Override
  public @Nullable DataSetPreProcessor getPreProcessor() {
    return preProcessor;
  }

  /** The class names; empty if there are no labels. */
  @Override
  public List<String> getLabels() {
    return source.classNames();
  }

  @Override
  public String toString() {
    return describe(source.toString());
  }

  private String describe(String data) {
    return "SampleIterator["
        + data
        + ", batchSize="
        + batchSize
        + (shuffleSeed == null ? "" : ", shuffle=" + shuffleSeed)
        + (flipSeed == null ? "" : ", flip=" + flipSeed)
        + (dropPartial ? ", dropPartial" : "")
        + (preProcessor == null ? "" : ", preprocessed")
        + "]";
  }
}
