package org.diffusion4j.engine;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.diffusion4j.engine.graph.TooLargeException;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Workspace;
import org.diffusion4j.engine.samediff.Goal;
import org.jspecify.annotations.Nullable;

/**
 * Caches a limited number of a graph's plans and their idle workspaces. The least recently used
 * plan is removed first. A plan is created once, outside of the lock, so threads that need other
 * plans do not wait.
 */
final class PlanCache implements AutoCloseable {

  private static final int MAX_PLANS = 16;
  private static final int MAX_REMEMBERED = 512;

  private final Function<Key, Plan> maker;
  private final int maxIdle;
  private final Map<Key, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private final Map<Key, Footprint> footprints = bounded();
  private final Map<Key, String> unplannable = bounded();
  private boolean closed;

  /**
   * @param maker creates plans
   * @param maxIdle maximum number of idle workspaces per plan
   */
  PlanCache(Function<Key, Plan> maker, int maxIdle) {
    this.maker = maker;
    this.maxIdle = maxIdle;
  }

  private static <V> Map<Key, V> bounded() {
    return new LinkedHashMap<>(16, 0.75f, true) {
      private static final long serialVersionUID = 1;

      @Override
      protected boolean removeEldestEntry(Map.Entry<Key, V> eldest) {
        return size() > MAX_REMEMBERED;
      }
    };
  }

  /**
   * Identifies a plan.
   *
   * @param shapes of the placeholders, and of the result
   * @param threads number of threads of each operation
   * @param goal what is computed
   */
  record Key(Map<String, List<Long>> shapes, int threads, Goal goal) {}

  /** A plan and its workspaces, with a count of its users. */
  static final class Entry {

    private final int maxIdle;
    private final Deque<Workspace> idle = new ArrayDeque<>();
    private @Nullable Plan plan;
    private @Nullable Throwable failure;
    private int workspaces;
    private int holders;
    private boolean retired;

    private Entry(int maxIdle) {
      this.maxIdle = maxIdle;
    }

    synchronized Plan plan() {
      return Objects.requireNonNull(plan, "plan");
    }

    private synchronized void made(Plan newPlan) {
      plan = newPlan;
      notifyAll();
    }

    private synchronized void failed(Throwable e) {
      failure = e;
      notifyAll();
    }

    /** Waits for the thread that creates the plan; that thread does not wait. */
    private synchronized void awaitPlan() {
      boolean interrupted = false;
      while (plan == null && failure == null) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      if (failure instanceof RuntimeException e) {
        throw e;
      }
      if (failure instanceof Error e) {
        throw e;
      }
    }

    /** Creates a workspace. */
    Workspace workspace() {
      Workspace made = plan().workspace();
      synchronized (this) {
        workspaces++;
      }
      return made;
    }

    /** The memory of its workspaces, idle or in use. */
    private synchronized long bytes() {
      return plan == null ? 0 : workspaces * plan.footprint().workspaceBytes();
    }

    /** An idle workspace, if there is one. */
    synchronized Optional<Workspace> take() {
      return Optional.ofNullable(idle.poll());
    }

    void giveBack(Workspace workspace) {
      synchronized (this) {
        if (!retired && idle.size() < maxIdle) {
          idle.push(workspace);
          return;
        }
        workspaces--;
      }
      workspace.close();
    }

    private synchronized void releaseIdle() {
      workspaces -= idle.size();
      idle.forEach(Workspace::close);
      idle.clear();
    }

    /** Releases an entry returned by {@link #hold}. */
    synchronized void release() {
      holders--;
      closeIfUnused();
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
        releaseIdle();
        if (plan != null) {
          plan.close();
        }
      }
    }
  }

  /**
   * Returns the entry of a key; creates its plan if necessary.
   *
   * @throws UnplannableException if there is no plan
   * @throws TooLargeException if only a smaller batch can have a plan
   */
  Entry hold(Key key) {
    Entry entry;
    boolean isNew;
    synchronized (this) {
      requirePlannable(key);
      Entry known = entries.get(key);
      isNew = known == null;
      entry = known == null ? new Entry(maxIdle) : known;
      entry.hold();
      if (isNew) {
        entries.put(key, entry);
        retireOldest();
      }
    }
    try {
      if (isNew) {
        make(key, entry);
      }
      entry.awaitPlan();
      return entry;
    } catch (RuntimeException | Error e) {
      entry.release();
      throw e;
    }
  }

  private void retireOldest() {
    Iterator<Entry> oldest = entries.values().iterator();
    while (entries.size() > MAX_PLANS) {
      Entry old = oldest.next();
      oldest.remove();
      old.retire();
    }
  }

  private void make(Key key, Entry entry) {
    try {
      Plan plan = maker.apply(key);
      remember(key, plan.footprint());
      entry.made(plan);
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        entries.remove(key, entry);
        rememberUnplannable(key, e);
      }
      entry.failed(e);
    }
  }

  /** The footprint of a plan; this neither adds nor removes plans. */
  Footprint footprint(Key key) {
    synchronized (this) {
      requirePlannable(key);
      Footprint known = footprints.get(key);
      if (known != null) {
        return known;
      }
    }
    try (Plan plan = maker.apply(key)) {
      remember(key, plan.footprint());
      return plan.footprint();
    } catch (UnplannableException e) {
      rememberUnplannable(key, e);
      throw e;
    }
  }

  private synchronized void remember(Key key, Footprint footprint) {
    footprints.put(key, footprint);
  }

  /** A graph without a plan for some shapes never has one; other failures may be temporary. */
  private synchronized void rememberUnplannable(Key key, Throwable e) {
    if (e instanceof UnplannableException) {
      unplannable.put(key, Objects.requireNonNullElse(e.getMessage(), ""));
    }
  }

  private void requirePlannable(Key key) {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    String reason = unplannable.get(key);
    if (reason != null) {
      throw new UnplannableException(reason);
    }
  }

  /** The memory of the workspaces of the plans that are kept. */
  synchronized long bytes() {
    return entries.values().stream().mapToLong(Entry::bytes).sum();
  }

  /** Frees the workspaces that are not in use. */
  synchronized void releaseIdle() {
    entries.values().forEach(Entry::releaseIdle);
  }

  /** The number of plans in the cache. */
  synchronized int size() {
    return entries.size();
  }

  synchronized boolean holds(Key key) {
    return entries.containsKey(key);
  }

  /** Frees plans that are not in use, and the others when they are released. */
  @Override
  public synchronized void close() {
    closed = true;
    entries.values().forEach(Entry::retire);
    entries.clear();
  }
}
