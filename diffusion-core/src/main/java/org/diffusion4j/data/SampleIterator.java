package org.diffusion4j.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/**
 * Batches of samples, epoch by epoch. Their order depends only on the settings, so training can be
 * continued from any position in the data.
 *
 * <pre>{@code
 * SampleIterator data = SampleIterator.of(tiles, 64).shuffle(1).flip(2).build();
 * try (SampleIterator ahead = data.prefetched(2)) {
 *   trainer.train(ahead, 10_000);
 * }
 * }</pre>
 *
 * <p>Those of {@link #of} have features FLOAT {@code [n, sampleShape...]} in [-1, 1]; labels are
 * one-hot FLOAT {@code [n, classes]}, a row of zeros for a sample without label; FLOAT {@code [n,
 * tokens, width]} if the source has {@linkplain SampleSource#embeddingShape embeddings}; or null.
 * The caller owns both. {@link #reset()} starts the next epoch. The order of an epoch depends only
 * on the seed and the number of the epoch; whether a sample is flipped depends on the seed, the
 * epoch and its index. Not thread-safe.
 *
 * <p>Their {@code next} throws a {@link java.util.NoSuchElementException} at the end of an epoch,
 * an {@link java.io.UncheckedIOException} naming the batch and the file if a sample cannot be read,
 * and an {@link IllegalArgumentException} naming the sample if its label is neither a class of the
 * source nor {@link org.diffusion4j.Condition#UNLABELLED}. After an exception the position is
 * unchanged.
 *
 * <p>Applications can implement their own iterators.
 */
public interface SampleIterator extends DataSetIterator, AutoCloseable {

  /**
   * A position in the data.
   *
   * @param epoch number of the epoch, from 0
   * @param sample number of samples of the epoch that were returned
   */
  record Position(int epoch, int sample) {

    public Position {
      if (epoch < 0 || sample < 0) {
        throw new IllegalArgumentException(
            "epoch and sample must be at least 0 but were " + epoch + " and " + sample);
      }
    }
  }

  /** The position of the next batch. */
  Position position();

  /** The number of the epoch, from 0. */
  default int epoch() {
    return position().epoch();
  }

  /**
   * Moves to a position: the following batches are those that followed there.
   *
   * @throws IllegalArgumentException if the data have no such position
   */
  void seek(Position position);

  /**
   * Passes over the next batch. The data are not read if the iterator can do without.
   *
   * @return the number of its samples
   * @throws java.util.NoSuchElementException at the end of an epoch
   */
  default int skip() {
    DataSet next = next();
    int size = next.numExamples();
    Samples.close(next);
    return size;
  }

  /**
   * A description of the data and the settings, without the location of files: iterators with equal
   * descriptions return equal batches.
   */
  String description();

  /**
   * The same batches, prepared in advance on a daemon thread. {@link #position()} is the same, too:
   * that after the last batch that was returned.
   *
   * <p>An exception for a batch is thrown when this batch is due; the next call tries again.
   * Batches are not prefetched beyond the end of an epoch. {@link Thread#interrupt()} does not end
   * the waiting for a batch and stays set; {@link #close()}, which any thread may call, does. It
   * ends the daemon thread after its current batch, without waiting for it, and frees batches that
   * were not returned.
   *
   * @param batches number of batches that are ready or in preparation; at least 1
   * @return an iterator at the same position; this one must not be used afterwards
   */
  default SampleIterator prefetched(int batches) {
    return PrefetchingIterator.of(this, batches);
  }

  /** Frees the iterator's resources; only a {@link #prefetched} one has any. */
  @Override
  default void close() {}

  /**
   * A builder; by default batches are in the order of the source, not flipped, and the last batch
   * of an epoch may be smaller.
   *
   * @param source the samples, at least one
   * @param batchSize number of samples in a batch, at least 1
   */
  static Builder of(SampleSource source, int batchSize) {
    return new Builder(source, batchSize);
  }

  /** Builds an iterator. */
  final class Builder {

    final SampleSource source;
    final int batchSize;
    @Nullable Long shuffleSeed;
    @Nullable Long flipSeed;
    boolean dropPartial;

    private Builder(SampleSource source, int batchSize) {
      this.source = source;
      this.batchSize = batchSize;
    }

    /** Shuffles the samples differently in every epoch. */
    public Builder shuffle(long seed) {
      shuffleSeed = seed;
      return this;
    }

    /** Mirrors each sample left to right with probability 1/2; only for images. */
    public Builder flip(long seed) {
      flipSeed = seed;
      return this;
    }

    /** Skips the last batch of an epoch if it is smaller than the others. */
    public Builder dropPartial() {
      dropPartial = true;
      return this;
    }

    /**
     * Creates the iterator, at the beginning of epoch 0.
     *
     * @throws IllegalArgumentException if the source is empty or has both classes and embeddings,
     *     the batch size is less than 1 or too large for an array, vectors should be flipped, or no
     *     batch would be left
     */
    public SampleIterator build() {
      long[] shape = source.sampleShape();
      int length = Samples.length(shape);
      int size = source.size();
      if (size < 1) {
        throw new IllegalArgumentException("source must have at least 1 sample: " + source);
      }
      if (batchSize < 1) {
        throw new IllegalArgumentException("batch size must be at least 1 but was " + batchSize);
      }
      int embeddings = Samples.embeddingLength(source);
      if (embeddings > 0 && source.classes() > 0) {
        throw new IllegalArgumentException(
            "source must have classes or embeddings but has both: " + source);
      }
      long values = (long) Math.min(batchSize, size) * Math.max(length, embeddings);
      if (values > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "batch must have less than 2^31 values but would have " + values);
      }
      if (flipSeed != null && shape.length != 3) {
        throw new IllegalArgumentException(
            "samples must have shape [channels, height, width] to be flipped but have "
                + Arrays.toString(shape));
      }
      if (dropPartial && size < batchSize) {
        throw new IllegalArgumentException(
            "batch size must be at most the number of samples, "
                + size
                + ", if partial batches are dropped, but was "
                + batchSize);
      }
      SourceIterator.requireMemory(Math.min(batchSize, size), length, source);
      return new SourceIterator(this, shape, length);
    }
  }
}
