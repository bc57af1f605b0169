package org.diffusion4j.data;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;

/**
 * Fetches batches in advance on a separate thread, until the data end or fail or it is stopped.
 *
 * <p>The thread is never interrupted, because that would close open channels of a source. After
 * each batch it checks whether to continue.
 */
final class Prefetch {

  /** A batch and the position of the next one. */
  record Fetched(DataSet batch, SampleIterator.Position after) {}

  private final SampleIterator data;
  private final int most;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Fetched> ready = new ArrayDeque<>();

  /** No more batches are needed. */
  private boolean stopped;

  /** Nothing waits for the thread. */
  private boolean closed;

  /** The thread does not use the data any more. */
  private boolean ended;

  private @Nullable Throwable failure;

  private Prefetch(SampleIterator data, int most) {
    this.data = data;
    this.most = most;
  }

  /**
   * Starts at the current position of the data. Nothing else may use the data until {@link #stop}
   * returns.
   *
   * @param most maximum number of batches that are ready or in preparation
   */
  static Prefetch start(SampleIterator data, int most) {
    Prefetch prefetch = new Prefetch(data, most);
    Thread thread = new Thread(prefetch::run, "diffusion4j-prefetch");
    thread.setDaemon(true);
    thread.start();
    return prefetch;
  }

  private void run() {
    try {
      while (awaitRoom() && data.hasNext()) {
        DataSet batch = data.next();
        put(new Fetched(batch, data.position()));
      }
      end(null);
    } catch (Throwable e) {
      end(e);
    }
  }

  private void end(@Nullable Throwable why) {
    lock.lock();
    try {
      failure = why;
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean awaitRoom() {
    lock.lock();
    try {
      while (!stopped && ready.size() >= most) {
        changed.awaitUninterruptibly();
      }
      return !stopped;
    } finally {
      lock.unlock();
    }
  }

  private void put(Fetched fetched) {
    lock.lock();
    try {
      if (stopped) {
        Samples.close(fetched.batch());
      } else {
        ready.add(fetched);
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until it is known whether there is another batch or a failure. */
  boolean hasNext() {
    lock.lock();
    try {
      await();
      return !ready.isEmpty() || (failure != null && !stopped);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for the next batch and returns it; null if the data ended or failed, or this was stopped.
   */
  @Nullable Fetched take() {
    lock.lock();
    try {
      await();
      changed.signalAll();
      return ready.poll();
    } finally {
      lock.unlock();
    }
  }

  private void await() {
    while (ready.isEmpty() && !ended && !stopped) {
      changed.awaitUninterruptibly();
    }
  }

  /** The exception of the data; there are no batches after it. */
  @Nullable Throwable failure() {
    lock.lock();
    try {
      return failure;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Frees batches that were not taken, and waits until the thread does not use the data any more or
   * this is closed.
   */
  void stop() {
    lock.lock();
    try {
      discard();
      while (!ended && !closed) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Frees batches that were not taken, without waiting; the thread ends after the current batch.
   */
  void close() {
    lock.lock();
    try {
      closed = true;
      discard();
    } finally {
      lock.unlock();
    }
  }

  private void discard() {
    stopped = true;
    ready.forEach(fetched -> Samples.close(fetched.batch()));
    ready.clear();
    changed.signalAll();
  }
}
