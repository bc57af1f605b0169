package org.diffusion4j.engine;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.TooLargeException;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.internal.common.Shown;

/**
 * The division of a batch into parts of at most two sizes, larger ones first.
 *
 * @param batch number of samples
 * @param count number of parts
 * @param atOnce number of parts that run at the same time
 * @param openMp number of OpenMP threads for each part
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

  /**
   * One part per thread; more if these would be too large for a plan; one if the samples depend on
   * each other.
   *
   * @param divisible whether the caller's arrays allow parts
   * @param footprints the footprints of plans; requested last for the plans that are used
   * @throws UnplannableException if not even a single sample has a plan
   * @throws IllegalStateException if a batch that cannot be divided is too large for one plan
   */
  static Division of(
      int batch,
      boolean divisible,
      Workers workers,
      KeyOfPart keys,
      Function<PlanCache.Key, Footprint> footprints) {
    int count = Math.min(batch, workers.threads());
    while (divisible) {
      try {
        Division division = of(batch, count, workers.threads(), keys);
        boolean plansDivisible =
            footprints.apply(division.key(0)).divisible()
                && footprints.apply(division.key(count - 1)).divisible();
        if (count == 1 || plansDivisible) {
          return division;
        }
        break;
      } catch (TooLargeException e) {
        if (count == batch) {
          throw new UnplannableException(Shown.text(e.getMessage(), 200));
        }
        count = (int) Math.min(batch, 2L * count);
      }
    }
    return undivided(batch, workers, keys, footprints);
  }

  private static Division undivided(
      int batch, Workers workers, KeyOfPart keys, Function<PlanCache.Key, Footprint> footprints) {
    Division division = of(batch, 1, workers.threads(), keys);
    try {
      // Throws if it is too large.
      Footprint unused = footprints.apply(division.key(0));
      return division;
    } catch (TooLargeException e) {
      throw new IllegalStateException(
          "a batch of "
              + batch
              + " cannot be divided because its samples depend on each other, and is too large: "
              + e.getMessage());
    }
  }

  /** The plan for a part with a number of samples and a number of threads per operation. */
  interface KeyOfPart {
    PlanCache.Key key(int size, int threads);
  }

  /** The number of samples of a part. */
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

  /** The workspaces that a run needs, by plan. */
  Map<PlanCache.Key, Integer> workspaces() {
    // The workspace that sums the gradients is kept while others run.
    return workspaces(key(0).goal().gradients() ? 1 : 0);
  }

  /**
   * The number of workspaces in use at the same time, by plan.
   *
   * @param kept number of further workspaces that hold results of earlier parts
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
