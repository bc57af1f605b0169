package org.diffusion4j.engine;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * How a batch is divided: in parts of two sizes at most, the larger first, of which so many run at
 * once.
 *
 * @param batch samples
 * @param count of parts
 * @param atOnce parts that run at the same time
 * @param openMp threads of OpenMP for each part
 * @param keys the plan for a part of a size
 */
record Division(int batch, int count, int atOnce, int openMp, IntFunction<PlanCache.Key> keys) {

  static Division of(int batch, int count, int threads, KeyOfPart keys) {
    int openMp = Math.max(1, threads / count);
    Map<Integer, PlanCache.Key> bySize = new LinkedHashMap<>();
    for (int size : new int[] {batch / count + (batch % count > 0 ? 1 : 0), batch / count}) {
      bySize.computeIfAbsent(size, s -> keys.key(s, openMp));
    }
    return new Division(batch, count, Math.min(count, threads), openMp, bySize::get);
  }

  /** Says which plan a part of so many samples has, whose operations may use so many threads. */
  interface KeyOfPart {
    PlanCache.Key key(int size, int threads);
  }

  /** The samples of a part. */
  int size(int part) {
    return batch / count + (part < batch % count ? 1 : 0);
  }

  /** The first sample of a part. */
  int from(int part) {
    return part * (batch / count) + Math.min(part, batch % count);
  }

  PlanCache.Key key(int part) {
    return keys.apply(size(part));
  }

  /**
   * The workspaces that are in use at once, by plan.
   *
   * @param kept workspaces beside them that keep the results of parts that ran before
   */
  Map<PlanCache.Key, Integer> workspaces(int kept) {
    int larger = batch % count;
    Map<PlanCache.Key, Integer> workspaces = new LinkedHashMap<>();
    if (larger > 0) {
      workspaces.put(key(0), Math.min(larger, atOnce));
    }
    workspaces.put(key(count - 1), Math.min(count - larger, atOnce));
    if (count > atOnce) {
      workspaces.merge(key(0), kept, Integer::sum);
    }
    return workspaces;
  }
}
