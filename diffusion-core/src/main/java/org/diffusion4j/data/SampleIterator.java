package org.diffusion4j.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/**
 * Batches of samples, epoch by epoch, whose order depends on settings alone, so that training can
 * be continued from anywhere in the data.
 *
 * <pre>{@code
 * SampleIterator data = SampleIterator.of(tiles, 64).shuffle(1).flip(2).build();
 * try (SampleIterator ahead = data.prefetched(2)) {
 *   trainer.train(ahead, 10_000);
 * }
 * }</pre>
 *
 * <p>Those of {@link #of} have features FLOAT {@code [n, sampleShape...]} in [-1, 1]; labels are
 * one-hot FLOAT {@code [n, classes]}, a row of zeros for a sample without label, or null if the
 * source has none. Both belong to whoever takes the batch. {@link #reset()} begins the next epoch.
 * The order of an epoch depends on the seed and the number of the epoch alone, and whether a sample
 * is flipped on the seed, the epoch and its index. Not for use by several threads at once.
 *
 * <p>Their {@code next} throws a {@link java.util.NoSuchElementException} at the end of an epoch,
 * an {@link java.io.UncheckedIOException} naming the batch and the file if a sample cannot be read,
 * and an {@link IllegalArgumentException} naming the sample if its label is neither a class of the
 * source nor {@link org.diffusion4j.Condition#UNLABELLED}. After any exception the iterator stays
 * where it was.
 *
 * <p>An application may write an iterator of its own.
 */
public interface SampleIterator extends DataSetIterator, AutoCloseable {

  /**
   * A place in the data.
   *
   * @param epoch number of the epoch, from 0
   * @param sample number of samples of the epoch that were handed out
   */
  record Position(int epoch, int sample) {

    public Position {
      if (epoch < 0 || sample < 0) {
        throw new IllegalArgumentException(
            "epoch and sample must be at least 0 but were " + epoch + " and " + sample);
      }
    }
  }

  /** Where the next batch begins. */
  Position position();

  /** Number of the epoch, from 0. */
  default int epoch() {
    return position().epoch();
  }

  /**
   * Goes on from a place: the batches that follow are those that followed there.
   *
   * @throws IllegalArgumentException if the data has no such place
   */
  void seek(Position position);

  /**
   * What the batches are made of and how, without the place where files lie: two iterators of one
   * description give the same batches.
   */
  String description();

  /**
   * These batches, made ahead on a daemon thread while those before are used. They are the same,
   * and so is {@link #position()}: that of what was handed out.
   *
   * <p>What this iterator throws for a batch is thrown where that batch would be handed out, after
   * those before it; the next call tries again. Nothing is read ahead beyond the end of an epoch.
   * Waiting for a batch is not ended by {@link Thread#interrupt()}, which stays visible to the
   * caller, but by {@link #close()}, which any thread may call: it ends the daemon thread as soon
   * as the batch at hand is made, without waiting for it, and frees what was not handed out.
   *
   * @param batches that are ready or in the making, besides those handed out; at least 1
   * @return goes on where this iterator stands, which from now on is used there alone
   */
  default SampleIterator prefetched(int batches) {
    return PrefetchingIterator.of(this, batches);
  }

  /** Frees what the iterator holds, which for one that was not {@link #prefetched} is nothing. */
  @Override
  default void close() {}

  /**
   * Begins to say how batches are made; as it stands, in the order of the source, unflipped, the
   * last batch of an epoch as small as it may be.
   *
   * @param source at least one sample
   * @param batchSize samples in a batch, at least 1
   */
  static Builder of(SampleSource source, int batchSize) {
    return new Builder(source, batchSize);
  }

  /** How batches are made. */
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

    /** Takes the samples of every epoch in another random order. */
    public Builder shuffle(long seed) {
      shuffleSeed = seed;
      return this;
    }

    /** Mirrors each sample left to right with probability 1/2; only for images. */
    public Builder flip(long seed) {
      flipSeed = seed;
      return this;
    }

    /** Leaves out the last batch of an epoch if it is smaller than the others. */
    public Builder dropPartial() {
      dropPartial = true;
      return this;
    }

    /**
     * Makes the iterator, at the beginning of epoch 0.
     *
     * @throws IllegalArgumentException if the source is empty, the batch size is less than 1 or too
     *     great for an array, vectors are to be flipped, or no batch would be left
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
      if ((long) Math.min(batchSize, size) * length > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "batch must have less than 2^31 values but would have "
                + (long) Math.min(batchSize, size) * length);
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
      SourceIterator.requireMemory(Math.min(batchSize, size), length, source.classes());
      return new SourceIterator(this, shape, length);
    }
  }
}
