package org.diffusion4j.spring;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.diffusion4j.CancelToken;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.spring.SamplingRefusedException.Reason;

/** Lets so many runs in at a time. Others wait in the order of their arrival. */
final class Gate {

  private final String model;
  private final int concurrency;
  private final int queueLimit;
  private final Duration timeout;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition empty = lock.newCondition();
  private final Deque<Condition> waiting = new ArrayDeque<>();
  private final Set<Run> running = Collections.newSetFromMap(new IdentityHashMap<>());
  private boolean closed;

  Gate(String model, int concurrency, int queueLimit, Duration timeout) {
    this.model = model;
    this.concurrency = concurrency;
    this.queueLimit = queueLimit;
    this.timeout = timeout;
  }

  /** A run that was let in. */
  final class Run implements AutoCloseable {

    private final CancelToken token;

    private Run(CancelToken token) {
      this.token = token;
    }

    @Override
    public void close() {
      lock.lock();
      try {
        running.remove(this);
        letIn();
        if (running.isEmpty()) {
          empty.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Begins a run, when it is its turn.
   *
   * @param token by which a shutdown cancels the run
   * @throws SamplingRefusedException if it must not begin
   * @throws SamplingCancelledException if the thread is interrupted while it waits
   */
  Run enter(CancelToken token) {
    lock.lock();
    try {
      requireOpen();
      if (!waiting.isEmpty() || running.size() >= concurrency) {
        await();
      }
      Run run = new Run(token);
      running.add(run);
      letIn();
      return run;
    } finally {
      lock.unlock();
    }
  }

  private void await() {
    if (waiting.size() >= queueLimit) {
      throw new SamplingRefusedException(
          Reason.QUEUE_FULL,
          model + ": the queue is full: " + running.size() + " run, " + waiting.size() + " wait");
    }
    Condition turn = lock.newCondition();
    waiting.add(turn);
    try {
      long left = timeout.toNanos();
      while (waiting.peek() != turn || running.size() >= concurrency) {
        if (left <= 0) {
          throw new SamplingRefusedException(
              Reason.TIMED_OUT, model + ": no run ended within " + timeout.toMillis() + " ms");
        }
        left = turn.awaitNanos(left);
        requireOpen();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new SamplingCancelledException(
          model + ": the thread was interrupted before the run began", 0, null, null);
    } finally {
      waiting.remove(turn);
      letIn();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new SamplingRefusedException(
          Reason.SHUTTING_DOWN, model + ": the application is shutting down");
    }
  }

  /** Wakes the first who waits, if a run may begin. */
  private void letIn() {
    Condition first = waiting.peek();
    if (first != null && running.size() < concurrency) {
      first.signal();
    }
  }

  int running() {
    lock.lock();
    try {
      return running.size();
    } finally {
      lock.unlock();
    }
  }

  int waiting() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }

  boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  void open() {
    lock.lock();
    try {
      closed = false;
    } finally {
      lock.unlock();
    }
  }

  /** Refuses new runs and those that wait. */
  void close() {
    lock.lock();
    try {
      closed = true;
      waiting.forEach(Condition::signal);
    } finally {
      lock.unlock();
    }
  }

  /** Cancels the runs that are running. */
  void cancel() {
    lock.lock();
    try {
      running.forEach(run -> run.token.cancel());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until no run is running.
   *
   * @param nanos how long at most
   * @return whether none is
   */
  boolean awaitEmpty(long nanos) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long left = nanos;
      while (!running.isEmpty()) {
        if (left <= 0) {
          return false;
        }
        left = empty.awaitNanos(left);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }
}
