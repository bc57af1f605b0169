package org.diffusion4j.samplers;

import org.diffusion4j.Denoiser;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.internal.common.NativeMemory;

/** Chooses a run's batch size so that it stays within its memory limit. */
final class BatchSize {

  /**
   * The maximum number of arrays of the size of a batch in a run, without the denoiser's: the
   * state, the output (twice the size with a learned variance), both estimates, the noise, the next
   * state, a term of a sum, a copy for {@code keepPartial}, and the history of a method.
   */
  static final int ARRAYS = 16;

  /** The arrays of a known part: samples, mask, and the noise that is kept for it. */
  private static final int OF_KNOWN = 3;

  private final SamplingRequest request;
  private final Denoiser model;
  private final long sampleBytes;
  private final int arrays;
  private final int kept;

  private BatchSize(SamplingRequest request, Denoiser model, int steps) {
    this.request = request;
    this.model = model;
    sampleBytes = NativeMemory.product(NativeMemory.product(model.sampleShape()), Float.BYTES);
    arrays = ARRAYS + (request.known() == null ? 0 : OF_KNOWN);
    // A cancelled run copies the finished samples.
    kept = 1 + (request.keepsPartial() ? 1 : 0) + 2 * Recorder.length(request, steps);
  }

  /**
   * The request's batch size, or the largest smaller one that fits its memory limit.
   *
   * @param steps number of steps of the run
   * @throws IllegalArgumentException if not even a batch of 1 fits, or if the model does not know
   *     its memory
   * @throws IllegalStateException if there is too little memory for all samples
   */
  static int of(SamplingRequest request, Denoiser model, int steps) {
    int most = Math.min(request.batchSize(), request.count());
    BatchSize size = new BatchSize(request, model, steps);
    int n =
        request.memoryLimit().isEmpty()
            ? most
            : size.within(request.memoryLimit().getAsLong(), most);
    size.requireMemory(n);
    return n;
  }

  /**
   * Checks only the arrays: a model checks its own memory and may reuse memory of earlier calls.
   */
  private void requireMemory(int n) {
    String what = request.trajectoryEvery() > 0 ? "samples and their trajectory" : "samples";
    NativeMemory.require(
        what,
        request.count(),
        NativeMemory.product(kept, sampleBytes),
        NativeMemory.product(arrays, n, sampleBytes));
  }

  private int within(long limit, int most) {
    long least = bytes(1);
    if (least > limit) {
      throw new IllegalArgumentException(
          "memory limit must be at least " + least + " bytes, for batches of 1, but was " + limit);
    }
    if (bytes(most) <= limit) {
      return most;
    }
    int fits = 1;
    int tooLarge = most;
    while (tooLarge - fits > 1) {
      int n = (fits + tooLarge) >>> 1;
      if (bytes(n) <= limit) {
        fits = n;
      } else {
        tooLarge = n;
      }
    }
    return fits;
  }

  /** The memory of a run with a batch size. */
  private long bytes(int n) {
    int rest = request.count() % n;
    // A conservative estimate: during the last, smaller batch a model may still hold the memory for
    // the other batches, except a second copy of its weights.
    long model = NativeMemory.sum(predictionBytes(n), rest == 0 ? 0 : predictionBytes(rest));
    long all = (long) kept * request.count() + (long) arrays * n;
    return NativeMemory.sum(model, NativeMemory.product(sampleBytes, all));
  }

  private long predictionBytes(int n) {
    return model
        .predictionBytes(n)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "memory limit must not be set where the denoiser cannot tell what a prediction"
                        + " takes"));
  }
}
