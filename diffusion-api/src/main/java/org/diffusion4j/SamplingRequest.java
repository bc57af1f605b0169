package org.diffusion4j;

import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How many samples, of what, from which noise. Immutable.
 *
 * <p>With the default noise, sample {@code i} depends on the seed and on {@code i} alone, never on
 * the batch size.
 */
public final class SamplingRequest {

  private static final int DEFAULT_BATCH_SIZE = 64;

  private final int count;
  private final int batchSize;
  private final NoiseSource noise;
  private final Condition condition;
  private final @Nullable INDArray start;
  private final int firstSample;
  private final Hook hook;
  private final SamplingListener listener;
  private final CancelToken cancelToken;
  private final boolean keepsPartial;
  private final int trajectoryEvery;
  private final OptionalLong memoryLimit;

  private SamplingRequest(Builder builder) {
    count = builder.count;
    batchSize = builder.batchSize;
    firstSample = builder.firstSample;
    noise = builder.seeds > 0 ? shifted(builder.noise, firstSample) : builder.noise;
    condition = builder.condition;
    start = builder.start;
    hook = builder.hook;
    listener = builder.listener;
    cancelToken = builder.cancelToken;
    keepsPartial = builder.keepsPartial;
    trajectoryEvery = builder.trajectoryEvery;
    memoryLimit = builder.memoryLimit;
    if (builder.seeds > 0 && builder.seeds != count) {
      throw new IllegalArgumentException(
          "seeds must be one per sample, " + count + ", but were " + builder.seeds);
    }
    if (firstSample > Integer.MAX_VALUE - count) {
      throw new IllegalArgumentException(
          "first sample must be at most "
              + (Integer.MAX_VALUE - count)
              + " for "
              + count
              + " samples but was "
              + firstSample);
    }
    condition.requireCount(count);
    if (start != null && (start.rank() < 1 || start.size(0) != count)) {
      throw new IllegalArgumentException(
          "start must hold one array per sample, "
              + count
              + ", but has shape "
              + Arrays.toString(start.shape()));
    }
  }

  /** Noise whose sample 0 is that of a request's first sample. */
  private static NoiseSource shifted(NoiseSource noise, int first) {
    if (first == 0) {
      return noise;
    }
    return () -> {
      NoiseSource.Run run = noise.start();
      return (index, n) -> run.batch(index - first, n);
    };
  }

  /**
   * A request with every setting at its default: seed 0, batches of 64, no condition.
   *
   * @param count number of samples, at least 1
   */
  public static SamplingRequest of(int count) {
    return builder(count).build();
  }

  /**
   * A builder of a request.
   *
   * @param count number of samples, at least 1
   */
  public static Builder builder(int count) {
    return new Builder(count);
  }

  /** The number of samples, at least 1. */
  public int count() {
    return count;
  }

  /** How many samples the denoiser is given at once, at least 1; fewer where memory is limited. */
  public int batchSize() {
    return batchSize;
  }

  /**
   * The index of the first sample among those of the whole run of which this request is a part, at
   * least 0. Sample {@code i} of the request gets the noise of index {@code firstSample() + i}.
   */
  public int firstSample() {
    return firstSample;
  }

  /** Where the noise comes from. */
  public NoiseSource noise() {
    return noise;
  }

  /** What the samples are to be of. */
  public Condition condition() {
    return condition;
  }

  /** The array to start from in place of noise, {@code [count, sampleShape...]}, or null. */
  public @Nullable INDArray start() {
    return start;
  }

  /** What is done to the samples after each step. */
  public Hook hook() {
    return hook;
  }

  /** Who watches. */
  public SamplingListener listener() {
    return listener;
  }

  /** By what the run may be cancelled. */
  public CancelToken cancelToken() {
    return cancelToken;
  }

  /** Whether a cancelled run hands out what it made until then. */
  public boolean keepsPartial() {
    return keepsPartial;
  }

  /** Of how many steps one is kept for the result's trajectory; 0 for no trajectory. */
  public int trajectoryEvery() {
    return trajectoryEvery;
  }

  /** The native memory that the run may take, in bytes, if it is limited. */
  public OptionalLong memoryLimit() {
    return memoryLimit;
  }

  /**
   * Changes the samples between the steps of a run: what a task such as inpainting does, of which
   * no sampler knows.
   *
   * <p>Inpainting by replacement (Song et al. 2021; RePaint, Lugmayr et al. 2022, without
   * resampling): after each step the known part of the samples is replaced by the known image with
   * the noise of this level.
   *
   * <pre>{@code
   * SamplingRequest.Hook replace =
   *     step -> {
   *       try (INDArray noise = step.noise().next(step.x().shape());
   *           INDArray noisy = known.mul(step.level().signal());
   *           INDArray part = noise.muli(step.level().noise()).addi(noisy).muli(mask)) {
   *         step.x().muli(unknown).addi(part);
   *       }
   *     };
   * }</pre>
   *
   * <p>A sampler that makes one move in several steps (Heun, singlestep DPM-Solver, UniPC's
   * corrector) may return to the samples before the move. It then sees a change only through the
   * denoiser. The samples after the last step are always those that the hook leaves.
   */
  @FunctionalInterface
  public interface Hook {

    /** A hook that does nothing. */
    Hook NONE = step -> {};

    /**
     * Called after each step, on the thread that samples, before the {@link SamplingListener},
     * which sees the changed samples. An exception ends the run and reaches the caller; the run's
     * arrays are freed.
     *
     * @param step where the run is; {@link Step#x} may be changed in place, to finite values
     */
    void afterStep(Step step);

    /** This hook and then another. */
    default Hook andThen(Hook next) {
      Objects.requireNonNull(next, "next");
      return step -> {
        afterStep(step);
        next.afterStep(step);
      };
    }

    /**
     * A batch after a step.
     *
     * @param first index of the batch's first sample within the request
     * @param index number of the step, from 0
     * @param steps number of steps in all
     * @param t the timestep that the denoiser was asked about
     * @param before the noise level at which the denoiser was asked
     * @param nextT the timestep that it is asked about next; -1 after the last step
     * @param level the noise level of {@code x} now; after the last step {@link
     *     NoiseSchedule.Level#CLEAN}, but of samplers that leave a little noise (DEIS, TCD, a final
     *     sigma above 0)
     * @param x the samples, FLOAT {@code [batch, sampleShape...]}; to be changed in place, not to
     *     be closed, and valid only during the call
     * @param noise the batch's noise, which the sampler draws from too; the caller closes its
     *     arrays
     */
    record Step(
        int first,
        int index,
        int steps,
        double t,
        NoiseSchedule.Level before,
        double nextT,
        NoiseSchedule.Level level,
        INDArray x,
        NoiseSource.Batch noise) {

      /** Whether the samples are the run's result. */
      public boolean last() {
        return index + 1 == steps;
      }
    }
  }

  /** Collects the settings of a request. */
  public static final class Builder {

    private final int count;
    private int batchSize = DEFAULT_BATCH_SIZE;
    private NoiseSource noise = NoiseSource.perSample(0);
    private Condition condition = Condition.none();
    private @Nullable INDArray start;
    private int firstSample;
    private Hook hook = Hook.NONE;
    private SamplingListener listener = SamplingListener.NONE;
    private int seeds;
    private CancelToken cancelToken = new CancelToken();
    private boolean keepsPartial;
    private int trajectoryEvery;
    private OptionalLong memoryLimit = OptionalLong.empty();

    private Builder(int count) {
      this.count = requirePositive("count", count);
    }

    /** Sets the seed of the default noise, {@link NoiseSource#perSample}. */
    public Builder seed(long seed) {
      return noise(NoiseSource.perSample(seed));
    }

    /**
     * Sets a seed for each sample, {@link NoiseSource#seeds}: sample {@code i} equals the only
     * sample of a request for one with {@code seed(numbers[i])}, if condition and start are equal.
     *
     * @param numbers one for each sample of this request, also where {@link #firstSample} says that
     *     it is a part of a run
     */
    public Builder seeds(long... numbers) {
      noise(NoiseSource.seeds(numbers));
      seeds = numbers.length;
      return this;
    }

    /**
     * Says that this request is a part of a run: its samples are those with the indices {@code
     * first} to {@code first + count - 1} of the whole, bit for bit, whatever the batches. So a run
     * can be divided among machines. Condition, start and {@link #seeds} are those of this part's
     * samples alone.
     *
     * <p>The noise must depend on the index of a sample, as {@link NoiseSource#perSample} and
     * {@link NoiseSource#seeds} do. {@link NoiseSource#torch} does not, and is refused.
     *
     * @param first at least 0, and with {@code count} at most 2^31 - 1; by default 0
     */
    public Builder firstSample(int first) {
      if (first < 0) {
        throw new IllegalArgumentException("first sample must be at least 0 but was " + first);
      }
      firstSample = first;
      return this;
    }

    /** Sets where all noise comes from, in place of a seed. */
    public Builder noise(NoiseSource source) {
      noise = Objects.requireNonNull(source, "noise");
      seeds = 0;
      return this;
    }

    /** Sets how many samples the denoiser is given at once, at least 1. */
    public Builder batchSize(int size) {
      batchSize = requirePositive("batch size", size);
      return this;
    }

    /**
     * Sets what the samples are to be of, each of them, or {@link Condition#none()}. Arrays of the
     * condition stay the caller's, who closes them after the run.
     */
    public Builder condition(Condition what) {
      condition = Objects.requireNonNull(what, "condition");
      return this;
    }

    /**
     * Sets what to start from in place of noise.
     *
     * <p>It has the scale in which the schedule is written, {@code x_t = sqrt(alphaBar_t) x_0 +
     * sqrt(1 - alphaBar_t) epsilon} at the first timestep of the sampler, and that for every
     * method, also those that are published in another scale: where the noise has drowned the
     * signal it is a sample of the standard normal distribution N(0, I), not multiplied by any
     * sigma. Steps that add noise still draw it.
     *
     * @param x {@code [count, sampleShape...]}; left unchanged, and not to be closed during the run
     */
    public Builder start(INDArray x) {
      start = Objects.requireNonNull(x, "start");
      return this;
    }

    /** Sets what is done to the samples after each step; by default nothing. */
    public Builder afterStep(Hook what) {
      hook = Objects.requireNonNull(what, "hook");
      return this;
    }

    /** Sets who watches. */
    public Builder listener(SamplingListener watcher) {
      listener = Objects.requireNonNull(watcher, "listener");
      return this;
    }

    /** Sets a token by which any thread can cancel the run. */
    public Builder cancelToken(CancelToken token) {
      cancelToken = Objects.requireNonNull(token, "cancel token");
      return this;
    }

    /**
     * Has a cancelled run hand out what it made until then, in its {@link
     * SamplingCancelledException}; otherwise that is freed.
     */
    public Builder keepPartial() {
      keepsPartial = true;
      return this;
    }

    /**
     * Keeps every k-th step, and the last, for {@link SamplingResult#trajectory}.
     *
     * @param k at least 1; of 50 steps, 10 keeps those with indices 9, 19, 29, 39 and 49
     */
    public Builder trajectory(int k) {
      trajectoryEvery = requirePositive("trajectory", k);
      return this;
    }

    /**
     * Sets the native memory that the run may take beyond the model's weights and the start:
     * samples, trajectory, its own arrays and {@link Denoiser#predictionBytes}. Batches are made
     * smaller than {@link #batchSize} where that is necessary, which only the samples of {@link
     * NoiseSource#torch} notice. A model that cannot tell what it takes is refused by the sampler.
     *
     * @param bytes at least 1
     */
    public Builder memoryLimit(long bytes) {
      if (bytes < 1) {
        throw new IllegalArgumentException("memory limit must be at least 1 byte but was " + bytes);
      }
      memoryLimit = OptionalLong.of(bytes);
      return this;
    }

    /**
     * The request.
     *
     * @throws IllegalArgumentException if the condition, the seeds or the start are not for {@code
     *     count} samples
     */
    public SamplingRequest build() {
      return new SamplingRequest(this);
    }

    private static int requirePositive(String what, int value) {
      if (value < 1) {
        throw new IllegalArgumentException(what + " must be at least 1 but was " + value);
      }
      return value;
    }
  }
}
