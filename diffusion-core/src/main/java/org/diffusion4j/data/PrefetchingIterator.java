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
   * Goes on where an iterator stands; reads ahead from the first call on that asks for data.
   *
   * @param data from now on used here alone
   * @param batches that are ready or in the making, besides those handed out; at least 1
   */
  static PrefetchingIterator of(SampleIterator data, int batches) {
    if (batches < 1) {
      throw new IllegalArgumentException("batches must be at least 1 but were " + batches);
    }
    return new PrefetchingIterator(data, batches);
  }

  /**
   * Whether the epoch has another batch, or one that fails; waits until that is known.
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
   * The next batch of the epoch, which belongs to the caller.
   *
   * @throws NoSuchElementException at the end of the epoch
   * @throws IllegalStateException if this is closed, also if it is while this waits
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

  /** The next samples of the epoch, made on this thread; what was read ahead is given up. */
  @Override
  public DataSet next(int number) {
    rewind();
    DataSet batch = data.next(number);
    position = data.position();
    return batch;
  }

  /** Where the batch that is handed out next begins. */
  @Override
  public Position position() {
    return position;
  }

  /** {@inheritDoc} What was read ahead is given up. */
  @Override
  public void seek(Position to) {
    rewind();
    data.seek(to);
    position = data.position();
  }

  /** Begins the next epoch, wherever this one stands; what was read ahead is given up. */
  @Override
  public void reset() {
    rewind();
    data.reset();
    position = data.position();
  }

  /** That of the iterator within. */
  @Override
  public String description() {
    return data.description();
  }

  /**
   * Ends the thread as soon as it has made the batch at hand, without waiting for it, and frees
   * what was not handed out. The iterator within may still be in use until then.
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

  /** Takes the data back from the thread, as it stood after the last batch that was handed out. */
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

  /** False: there is no use in fetching ahead twice. */
  @Override
  public boolean asyncSupported() {
    return false;
  }

  @Override
  public int batch() {
    return data.batch();
  }

  /** Sets what changes every batch, on the thread that reads ahead; null for nothing. */
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
