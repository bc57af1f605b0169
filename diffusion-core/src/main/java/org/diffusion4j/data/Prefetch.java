package org.diffusion4j.data;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;

/**
 * Batches that a thread of its own fetches ahead, until the data ends or fails or nobody wants
 * more.
 *
 * <p>The thread is never interrupted: that would close channels which a source keeps open. It looks
 * after each batch whether another is wanted.
 */
final class Prefetch {

  /** A batch and where the next begins. */
  record Fetched(DataSet batch, SampleIterator.Position after) {}

  private final SampleIterator data;
  private final int most;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Fetched> ready = new ArrayDeque<>();

  /** Nobody wants more batches. */
  private boolean stopped;

  /** Nobody waits for the thread either. */
  private boolean closed;

  /** The thread touches the data no more. */
  private boolean ended;

  private @Nullable Throwable failure;

  private Prefetch(SampleIterator data, int most) {
    this.data = data;
    this.most = most;
  }

  /**
   * Begins where the data stands, which nobody else may touch until {@link #stop} returns.
   *
   * @param most batches that wait or are being made
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

  /** Waits until it is known whether there is another batch, or one that failed. */
  boolean hasNext() {
    lock.lock();
    try {
      await();
      return !ready.isEmpty() || (failure != null && !stopped);
    } finally {
      lock.unlock();
    }
  }

  /** Waits for the next batch and takes it; null if the data ended or failed, or this stopped. */
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

  /** What the data threw, after which there are no batches. */
  @Nullable Throwable failure() {
    lock.lock();
    try {
      return failure;
    } finally {
      lock.unlock();
    }
  }

  /** Frees what was not taken, and waits until the data is touched no more or this is closed. */
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

  /** Frees what was not taken, and waits for nobody; the thread ends after the batch at hand. */
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
