package org.diffusion4j.plan;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The plans of a graph, of which so many are kept, and their workspaces that wait for the next run.
 * The plan that was not used for longest goes first.
 */
final class PlanCache implements AutoCloseable {

  private static final int MAX_PLANS = 16;

  private final int maxIdle;
  private final Map<Key, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  /**
   * @param maxIdle workspaces that each plan keeps while they are not used
   */
  PlanCache(int maxIdle) {
    this.maxIdle = maxIdle;
  }

  /**
   * What distinguishes plans.
   *
   * @param shapes of the placeholders, and of the result
   * @param threads that each operation may use
   * @param goal what is computed
   */
  record Key(Map<String, List<Long>> shapes, int threads, Goal goal) {}

  /**
   * A plan with its workspaces, in use by as many as hold it. It has a lock of its own: workers
   * need it while whoever holds the cache's waits for a worker to make a plan.
   */
  final class Entry {

    private final Plan plan;
    private final Deque<Workspace> idle = new ArrayDeque<>();
    private int holders;
    private boolean retired;

    private Entry(Plan plan) {
      this.plan = plan;
    }

    Plan plan() {
      return plan;
    }

    /** The native memory that so many more workspaces take. */
    long bytesOfMore(int workspaces) {
      synchronized (this) {
        return Math.max(0, workspaces - idle.size()) * plan.workspaceBytes();
      }
    }

    Workspace take() {
      Optional<Workspace> waiting;
      synchronized (this) {
        waiting = Optional.ofNullable(idle.poll());
      }
      return waiting.orElseGet(plan::workspace);
    }

    void giveBack(Workspace workspace) {
      synchronized (this) {
        if (!retired && idle.size() < maxIdle) {
          idle.push(workspace);
          return;
        }
      }
      workspace.close();
    }

    /** Ends the use of an entry that {@link #hold} gave out. */
    void release() {
      synchronized (this) {
        holders--;
        closeIfUnused();
      }
    }

    private synchronized void hold() {
      holders++;
    }

    private synchronized void retire() {
      retired = true;
      closeIfUnused();
    }

    private void closeIfUnused() {
      if (retired && holders == 0) {
        idle.forEach(Workspace::close);
        idle.clear();
        plan.close();
      }
    }
  }

  /** Holds the entry of a key, with a plan that is made if there is none. */
  synchronized Entry hold(Key key, Function<Key, Plan> maker) {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    Entry entry = entries.get(key);
    if (entry == null) {
      entry = new Entry(maker.apply(key));
      entries.put(key, entry);
    }
    entry.hold();
    Iterator<Entry> oldest = entries.values().iterator();
    while (entries.size() > MAX_PLANS) {
      Entry old = oldest.next();
      oldest.remove();
      old.retire();
    }
    return entry;
  }

  /** Frees what is not in use now, and the rest once it is released. */
  @Override
  public synchronized void close() {
    closed = true;
    entries.values().forEach(Entry::retire);
    entries.clear();
  }
}
