package org.diffusion4j.engine;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.WeightCopy;
import org.diffusion4j.internal.common.MemoryLedger;
import org.diffusion4j.internal.common.MemoryRefusedException;
import org.diffusion4j.internal.common.NativeMemory;

/** The memory that the run of a batch needs: estimated, allocated before the run, or refused. */
final class BatchMemory {

  /** Smaller results and copies are not checked; the memory check keeps a margin. */
  private static final long LEAST_CHECKED_BYTES = 1 << 20;

  private final PlanCache plans;
  private final MemoryLedger ledger;
  private final Workers workers;

  BatchMemory(PlanCache plans, MemoryLedger ledger, Workers workers) {
    this.plans = plans;
    this.ledger = ledger;
    this.workers = workers;
  }

  /** The memory of the runs of a batch, without the caller's arrays. */
  long bytes(Division division) {
    Set<WeightCopy> packed = new HashSet<>();
    long bytes = 0;
    for (Map.Entry<PlanCache.Key, Integer> entry : division.workspaces().entrySet()) {
      Footprint footprint = plans.footprint(entry.getKey());
      bytes += entry.getValue() * footprint.workspaceBytes();
      packed.addAll(footprint.packed());
    }
    for (WeightCopy weight : packed) {
      bytes += weight.bytes();
    }
    return bytes;
  }

  /**
   * Allocates the memory of the run of a batch and updates packed weights.
   *
   * @param keys the plans for other batch sizes
   * @param wanted number of workspaces per plan
   * @param old packed weights that the caller must update
   * @throws MemoryRefusedException if there is too little; the message has the batch size that fits
   */
  void take(
      Held held,
      CallerArrays arrays,
      Division.KeyOfPart keys,
      Map<PlanCache.Key, Integer> wanted,
      List<WeightCopy> old,
      long version) {
    Map<PlanCache.Key, Integer> missing = held.take(wanted);
    long ours = 0;
    for (Map.Entry<PlanCache.Key, Integer> entry : missing.entrySet()) {
      ours += entry.getValue() * held.footprint(entry.getKey()).workspaceBytes();
    }
    for (WeightCopy weight : old) {
      ours += weight.isAllocated() ? 0 : weight.bytes();
    }
    long callers = arrays.bytes();
    long needed = NativeMemory.sum(ours, callers);
    if (ours == 0 && callers < LEAST_CHECKED_BYTES) {
      arrays.allocate();
      pack(old, version);
      return;
    }
    Optional<MemoryLedger.Claim> claim = ledger.claim(needed);
    if (claim.isEmpty()) {
      throw refused(arrays, keys, needed);
    }
    try (MemoryLedger.Claim claimed = claim.get()) {
      arrays.allocate();
      held.make(missing, workers);
      pack(old, version);
    }
  }

  private void pack(List<WeightCopy> old, long version) {
    if (!old.isEmpty()) {
      workers.together(
          old.size(),
          (start, end) -> {
            old.subList(start, end).forEach(weight -> weight.update(version));
            return 0;
          });
    }
  }

  private MemoryRefusedException refused(
      CallerArrays arrays, Division.KeyOfPart keys, long needed) {
    int batch = arrays.batch();
    long available = ledger.available();
    long fits = largestThatFits(arrays, keys, needed, available);
    return new MemoryRefusedException(
        NativeMemory.refusal("a batch of " + batch, needed, available)
            + (fits > 0 ? "; a batch of " + fits + " fits" : "; not even a batch of 1 fits"));
  }

  private int largestThatFits(
      CallerArrays arrays, Division.KeyOfPart keys, long needed, long available) {
    int batch = arrays.batch();
    double bytesOfSample = (double) arrays.bytes() / batch;
    int n = (int) Math.min(batch - 1, (double) batch * available / needed);
    while (n > 0) {
      Division division =
          Division.of(n, arrays.shapes().divisible(), workers, keys, plans::footprint);
      if (bytes(division) + bytesOfSample * n <= available) {
        return n;
      }
      n = Math.min(n - 1, (int) (n * 15L / 16));
    }
    return 0;
  }
}
