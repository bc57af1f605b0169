package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.WeightCopy;

/**
 * Coordinates reading and writing of packed weights. Every run reads them. A run that finds a
 * weight older than the graph's updates it when no other run reads it.
 *
 * <p>A run within a callback of another run waits for no run, because that one may wait for it. It
 * uses a weight that is being read as it is, because weights do not change during a run.
 */
final class Packing {

  private static final long LOOK_AGAIN_MILLIS = 50;

  private final Workers workers;
  private final Map<WeightCopy, Integer> readers = new HashMap<>();
  private final Set<WeightCopy> beingWritten = new HashSet<>();
  private int running;
  private boolean closed;

  Packing(Workers workers) {
    this.workers = workers;
  }

  /**
   * Begins a run.
   *
   * @param read the weights that the run reads
   * @param version of the graph's weights
   * @return those that the caller must write first
   */
  synchronized List<WeightCopy> enter(Set<WeightCopy> read, long version) {
    boolean interrupted = false;
    while (true) {
      requireOpen();
      boolean nested = workers.isWorking() || workers.allAreInCallbacks();
      List<WeightCopy> old = new ArrayList<>();
      boolean ready = true;
      for (WeightCopy weight : read) {
        if (beingWritten.contains(weight)) {
          ready = false;
        } else if (weight.isOlderThan(version)) {
          if (!readers.containsKey(weight)) {
            old.add(weight);
          } else {
            ready &= nested;
          }
        }
      }
      if (ready) {
        running++;
        read.forEach(weight -> readers.merge(weight, 1, Integer::sum));
        beingWritten.addAll(old);
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
        return old;
      }
      try {
        wait(LOOK_AGAIN_MILLIS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
  }

  /** Records that weights were written. */
  synchronized void written(List<WeightCopy> weights) {
    weights.forEach(beingWritten::remove);
    notifyAll();
  }

  /** Ends a run. */
  synchronized void leave(Set<WeightCopy> read, List<WeightCopy> old) {
    running--;
    read.forEach(weight -> readers.computeIfPresent(weight, (w, n) -> n == 1 ? null : n - 1));
    // Empty unless the run failed before it wrote them.
    old.forEach(beingWritten::remove);
    notifyAll();
  }

  /** Prevents further runs and waits for current ones. */
  synchronized void close() {
    if (running > 0 && workers.isWorking()) {
      throw new IllegalStateException("a model must not be closed by a callback while it runs");
    }
    closed = true;
    boolean interrupted = false;
    while (running > 0) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }
}
