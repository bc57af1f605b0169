package org.diffusion4j.data;

import com.google.common.base.Throwables;
import java.util.List;
import java.util.NoSuchElementException;
import org.diffusion4j.data.Prefetch.Fetched;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;

/** {@link SampleIterator#prefetched}. */
@SuppressWarnings("serial") // The interface asks for it, but threads are not serializable.
final class PrefetchingIterator implements SampleIterator {

  private final SampleIterator data;
  private final int batches;
  private Position position;
  private @Nullable Prefetch prefetch;
  private boolean closed;

  private PrefetchingIterator(SampleIterator data, int batches) {
    this.data = data;
    this.batches = batches;
    this.position = data.position();
  }

  /**
   * Continues at the position of an iterator; starts prefetching at the first call that needs data.
   *
   * @param data must not be used elsewhere afterwards
   * @param batches number of batches that are ready or in preparation; at least 1
   */
  static PrefetchingIterator of(SampleIterator data, int batches) {
    if (batches < 1) {
      throw new IllegalArgumentException("batches must be at least 1 but were " + batches);
    }
    return new PrefetchingIterator(data, batches);
  }

  /**
   * Whether the epoch has another batch or a failure; waits until this is known.
   *
   * @throws IllegalStateException if this is closed
   */
  @Override
  public boolean hasNext() {
    boolean any = prefetch().hasNext();
    requireOpen();
    return any;
  }

  /**
   * The next batch of the epoch, owned by the caller.
   *
   * @throws NoSuchElementException at the end of the epoch
   * @throws IllegalStateException if this is closed, even while waiting
   */
  @Override
  public DataSet next() {
    Prefetch current = prefetch();
    Fetched fetched = current.take();
    if (fetched == null) {
      requireOpen();
      Throwable failure = current.failure();
      if (failure != null) {
        rewind();
        Throwables.throwIfUnchecked(failure);
        throw new IllegalStateException(failure);
      }
      throw new NoSuchElementException("epoch " + position.epoch() + " has no more batches");
    }
    position = fetched.after();
    return fetched.batch();
  }

  /** The next samples of the epoch, read on this thread; prefetched batches are discarded. */
  @Override
  public DataSet next(int number) {
    rewind();
    DataSet batch = data.next(number);
    position = data.position();
    return batch;
  }

  /** The position of the next batch to be returned. */
  @Override
  public Position position() {
    return position;
  }

  /** {@inheritDoc} Prefetched batches are discarded. */
  @Override
  public void seek(Position to) {
    rewind();
    data.seek(to);
    position = data.position();
  }

  /** Starts the next epoch at any position of this one; prefetched batches are discarded. */
  @Override
  public void reset() {
    rewind();
    data.reset();
    position = data.position();
  }

  /** The description of the wrapped iterator. */
  @Override
  public String description() {
    return data.description();
  }

  /**
   * Ends the thread after its current batch, without waiting for it, and frees batches that were
   * not returned. The wrapped iterator may be in use until then.
   */
  @Override
  public synchronized void close() {
    closed = true;
    if (prefetch != null) {
      prefetch.close();
    }
  }

  private synchronized Prefetch prefetch() {
    requireOpen();
    if (prefetch == null) {
      prefetch = Prefetch.start(data, batches);
    }
    return prefetch;
  }

  /** Stops the thread and moves the data to the position after the last batch that was returned. */
  private void rewind() {
    Prefetch current;
    synchronized (this) {
      requireOpen();
      current = prefetch;
    }
    if (current != null) {
      current.stop();
      synchronized (this) {
        requireOpen();
        prefetch = null;
      }
      data.seek(position);
    }
  }

  private synchronized void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the iterator is closed");
    }
  }

  @Override
  public int inputColumns() {
    return data.inputColumns();
  }

  @Override
  public int totalOutcomes() {
    return data.totalOutcomes();
  }

  @Override
  public boolean resetSupported() {
    return true;
  }

  /** False: prefetching twice has no use. */
  @Override
  public boolean asyncSupported() {
    return false;
  }

  @Override
  public int batch() {
    return data.batch();
  }

  /** Sets a preprocessor of every batch, which runs on the prefetching thread; null for none. */
  @Override
  public void setPreProcessor(@Nullable DataSetPreProcessor preProcessor) {
    rewind();
    data.setPreProcessor(preProcessor);
  }

  @Override
  public @Nullable DataSetPreProcessor getPreProcessor() {
    return data.getPreProcessor();
  }

  @Override
  public List<String> getLabels() {
    return data.getLabels();
  }

  @Override
  public String toString() {
    return "PrefetchingIterator[" + data + ", batches=" + batches + "]";
  }
}
