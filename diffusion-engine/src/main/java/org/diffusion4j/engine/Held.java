package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.Workspace;

/** The plans and workspaces of a call. */
final class Held implements AutoCloseable {

  private final PlanCache plans;
  private final Map<PlanCache.Key, PlanCache.Entry> entries = new LinkedHashMap<>();
  private final Map<PlanCache.Key, Queue<Workspace>> ready = new LinkedHashMap<>();
  private final Map<Workspace, PlanCache.Key> all = new ConcurrentHashMap<>();

  Held(PlanCache plans) {
    this.plans = plans;
  }

  /** The footprint of a plan, which is held from now on. */
  Footprint footprint(PlanCache.Key key) {
    return entries.computeIfAbsent(key, plans::hold).plan().footprint();
  }

  Plan plan(PlanCache.Key key) {
    return entry(key).plan();
  }

  private PlanCache.Entry entry(PlanCache.Key key) {
    return Objects.requireNonNull(entries.get(key));
  }

  /**
   * Takes idle workspaces.
   *
   * @param wanted number of workspaces per plan
   * @return number of missing workspaces per plan
   */
  Map<PlanCache.Key, Integer> take(Map<PlanCache.Key, Integer> wanted) {
    Map<PlanCache.Key, Integer> missing = new LinkedHashMap<>();
    wanted.forEach(
        (key, count) -> {
          ready.computeIfAbsent(key, k -> new ConcurrentLinkedQueue<>());
          int left = count;
          Optional<Workspace> waiting;
          while (left > 0 && (waiting = entry(key).take()).isPresent()) {
            add(key, waiting.get());
            left--;
          }
          if (left > 0) {
            missing.put(key, left);
          }
        });
    return missing;
  }

  /** Creates the missing workspaces and writes to their memory. */
  void make(Map<PlanCache.Key, Integer> missing, Workers workers) {
    List<PlanCache.Key> each = new ArrayList<>();
    missing.forEach((key, count) -> each.addAll(Collections.nCopies(count, key)));
    if (!each.isEmpty()) {
      workers.together(
          each.size(),
          (start, end) -> {
            for (PlanCache.Key key : each.subList(start, end)) {
              add(key, entry(key).workspace());
            }
            return 0;
          });
    }
  }

  private void add(PlanCache.Key key, Workspace workspace) {
    all.put(workspace, key);
    giveBack(key, workspace);
  }

  /** A workspace for a part of the call. */
  Workspace workspace(PlanCache.Key key) {
    return Objects.requireNonNull(Objects.requireNonNull(ready.get(key)).poll(), "workspace");
  }

  /** Releases a workspace for another part of the call. */
  void giveBack(PlanCache.Key key, Workspace workspace) {
    Objects.requireNonNull(ready.get(key)).add(workspace);
  }

  /** Releases idle workspaces for other calls. */
  void giveBackIdle() {
    ready.forEach(
        (key, workspaces) -> {
          Workspace workspace;
          while ((workspace = workspaces.poll()) != null) {
            all.remove(workspace);
            entry(key).giveBack(workspace);
          }
        });
  }

  /** Releases everything for other calls, whether this call succeeded or not. */
  @Override
  public void close() {
    all.forEach((workspace, key) -> entry(key).giveBack(workspace));
    all.clear();
    ready.clear();
    entries.values().forEach(PlanCache.Entry::release);
    entries.clear();
  }
}
