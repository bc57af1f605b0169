package org.diffusion4j;

import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What to sample: how many samples, of which condition, from which noise. Immutable.
 *
 * <p>With the default noise, sample {@code i} depends only on the seed and on {@code i}, not on the
 * batch size.
 */
public final class SamplingRequest {

  private static final int DEFAULT_BATCH_SIZE = 64;

  private final int count;
  private final int batchSize;
  private final NoiseSource noise;
  private final OptionalLong seed;
  private final Condition condition;
  private final @Nullable INDArray start;
  private final OptionalDouble strength;
  private final @Nullable Known known;
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
    if (builder.noise == null) {
      long number = builder.seed.orElseGet(SamplingRequest::drawSeed);
      seed = OptionalLong.of(number);
      noise = NoiseSource.perSample(number);
    } else {
      seed = OptionalLong.empty();
      noise = builder.seeds > 0 ? shifted(builder.noise, firstSample) : builder.noise;
    }
    condition = builder.condition;
    start = builder.start;
    strength = builder.strength;
    known = builder.known;
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

  /** A number that JSON and other languages hold exactly. */
  private static long drawSeed() {
    return ThreadLocalRandom.current().nextLong(1L << 53);
  }

  /** Noise whose sample 0 is the request's first sample. */
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
   * A request with a new random {@link #seed} and every other setting at its default: batches of
   * 64, no condition.
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

  /**
   * The maximum batch size of denoiser calls, at least 1; a memory limit can make batches smaller.
   */
  public int batchSize() {
    return batchSize;
  }

  /**
   * The index of this request's first sample within the run that it is a part of, at least 0.
   * Sample {@code i} of the request gets the noise of index {@code firstSample() + i}.
   */
  public int firstSample() {
    return firstSample;
  }

  /**
   * The seed of the noise. A request without a seed draws a random one when it is built. A request
   * gives the same samples each time it is used, and so does another request with its seed. Empty
   * if {@link Builder#noise} or {@link Builder#seeds} set the noise.
   */
  public OptionalLong seed() {
    return seed;
  }

  /** The source of noise. */
  public NoiseSource noise() {
    return noise;
  }

  /** What the samples should show. */
  public Condition condition() {
    return condition;
  }

  /** The array to start from instead of noise, {@code [count, sampleShape...]}, or null. */
  public @Nullable INDArray start() {
    return start;
  }

  /**
   * The part of the steps that is done, in [0, 1], if {@link #start()} is clean; empty if it is as
   * noisy as the sampler's first step requires, or null.
   */
  public OptionalDouble strength() {
    return strength;
  }

  /** The known part of the samples, which is kept, or null. */
  public @Nullable Known known() {
    return known;
  }

  /** The hook that is called after each step. */
  public Hook hook() {
    return hook;
  }

  /** The listener of the run. */
  public SamplingListener listener() {
    return listener;
  }

  /** The token that cancels the run. */
  public CancelToken cancelToken() {
    return cancelToken;
  }

  /** Whether a cancelled run returns the samples made so far. */
  public boolean keepsPartial() {
    return keepsPartial;
  }

  /** The trajectory keeps one of this many steps; 0 for no trajectory. */
  public int trajectoryEvery() {
    return trajectoryEvery;
  }

  /** The limit of the run's native memory in bytes; empty if there is none. */
  public OptionalLong memoryLimit() {
    return memoryLimit;
  }

  /** The settings; only the shape of an array. */
  @Override
  public String toString() {
    return "SamplingRequest[count="
        + count
        + (seed.isPresent() ? ", seed=" + seed.getAsLong() : "")
        + ", batchSize="
        + batchSize
        + (firstSample == 0 ? "" : ", firstSample=" + firstSample)
        + (condition.isNone() ? "" : ", condition=" + Shown.text(condition))
        + (start == null ? "" : ", start=" + Shown.array(start))
        + (strength.isPresent() ? ", strength=" + strength.getAsDouble() : "")
        + (known == null ? "" : ", known=" + Shown.array(known.x0()))
        + "]";
  }

  /**
   * The known part of samples: {@link Builder#known}.
   *
   * @param x0 clean samples, FLOAT {@code [count, sampleShape...]}, or one for all
   * @param mask which part of them is known, with values in [0, 1]
   */
  public record Known(INDArray x0, INDArray mask) {

    public Known {
      Objects.requireNonNull(x0, "known samples");
      Objects.requireNonNull(mask, "mask");
    }

    /** Contains only the shapes. */
    @Override
    public String toString() {
      return "Known[x0=" + Shown.array(x0) + ", mask=" + Shown.array(mask) + "]";
    }
  }

  /**
   * Changes the samples between the steps of a run. Samplers need not know about it. This one keeps
   * the mean of the samples at 0:
   *
   * <pre>{@code
   * SamplingRequest.Hook centred = step -> step.x().subi(step.x().meanNumber());
   * }</pre>
   *
   * <p>A sampler that makes one move in several steps (Heun, singlestep DPM-Solver, UniPC's
   * corrector) may return to the samples before the move; a change then has an effect only through
   * the denoiser. The result is always what the hook leaves after the last step.
   */
  @FunctionalInterface
  public interface Hook {

    /** A hook that does nothing. */
    Hook NONE = step -> {};

    /**
     * Called after each step, on the sampling thread, before the {@link SamplingListener}, which
     * gets the changed samples. An exception ends the run and is passed to the caller; the run's
     * arrays are freed.
     *
     * @param step the state of the run; {@link Step#x} may be changed in place, to finite values
     */
    void afterStep(Step step);

    /** A hook that calls this one and then another. */
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
     * @param t the timestep that the denoiser got
     * @param before the noise level at which the denoiser was called
     * @param nextT the timestep of the next denoiser call; -1 after the last step
     * @param level the noise level of {@code x} now; after the last step {@link
     *     NoiseSchedule.Level#CLEAN}, except for samplers that leave a little noise (DEIS, TCD, a
     *     final sigma above 0)
     * @param x the samples, FLOAT {@code [batch, sampleShape...]}; may be changed in place but not
     *     closed; valid only during the call
     * @param noise the batch's noise, which the sampler also draws from; the hook closes the arrays
     *     that it draws
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

      /** Whether this is the last step. */
      public boolean last() {
        return index + 1 == steps;
      }

      /** Contains only the shape of the samples. */
      @Override
      public String toString() {
        return String.format(
            Locale.ROOT,
            "Step[first=%d, index=%d of %d, t=%s, x=%s]",
            first,
            index,
            steps,
            t,
            Shown.array(x));
      }
    }
  }

  /** Builds a request. */
  public static final class Builder {

    private final int count;
    private int batchSize = DEFAULT_BATCH_SIZE;
    private @Nullable NoiseSource noise;
    private OptionalLong seed = OptionalLong.empty();
    private Condition condition = Condition.none();
    private @Nullable INDArray start;
    private OptionalDouble strength = OptionalDouble.empty();
    private @Nullable Known known;
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

    /**
     * Sets the seed of the default noise, {@link NoiseSource#perSample}, for samples that can be
     * made again. By default each request draws a seed of its own, {@link SamplingRequest#seed}.
     *
     * @param number any number
     */
    public Builder seed(long number) {
      seed = OptionalLong.of(number);
      noise = null;
      seeds = 0;
      return this;
    }

    /**
     * Sets one seed per sample, {@link NoiseSource#seeds}: sample {@code i} equals the sample of a
     * request for one sample with {@code seed(numbers[i])}, if condition and start are equal.
     *
     * @param numbers one for each sample of this request, also if {@link #firstSample} makes it a
     *     part of a run
     */
    public Builder seeds(long... numbers) {
      noise(NoiseSource.seeds(numbers));
      seeds = numbers.length;
      return this;
    }

    /**
     * Makes this request a part of a larger run: its samples are bit-equal to those with the
     * indices {@code first} to {@code first + count - 1} of the whole run, for any batch size. So a
     * run can be divided among machines. Condition, start and {@link #seeds} are only those of this
     * part.
     *
     * <p>The noise must depend on the index of a sample, as {@link NoiseSource#perSample} and
     * {@link NoiseSource#seeds} do. {@link NoiseSource#torch} does not and is refused.
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

    /** Sets the source of noise instead of a seed. */
    public Builder noise(NoiseSource source) {
      noise = Objects.requireNonNull(source, "noise");
      seed = OptionalLong.empty();
      seeds = 0;
      return this;
    }

    /** Sets the maximum batch size of denoiser calls, at least 1. */
    public Builder batchSize(int size) {
      batchSize = requirePositive("batch size", size);
      return this;
    }

    /**
     * Sets what the samples should show: one condition per sample, or {@link Condition#none()}. The
     * caller owns the arrays of the condition and closes them after the run.
     */
    public Builder condition(Condition what) {
      condition = Objects.requireNonNull(what, "condition");
      return this;
    }

    /**
     * Sets samples to start from instead of noise.
     *
     * <p>For every method they have the schedule's scale at the sampler's first timestep, {@code
     * x_t = sqrt(alphaBar_t) x_0 + sqrt(1 - alphaBar_t) epsilon}, also for methods that are
     * published with another scale. Without signal this is a sample of the standard normal
     * distribution N(0, I), not multiplied by any sigma. Steps that add noise still draw it.
     *
     * @param x {@code [count, sampleShape...]}; not changed, and must not be closed during the run
     */
    public Builder start(INDArray x) {
      start = Objects.requireNonNull(x, "start");
      strength = OptionalDouble.empty();
      return this;
    }

    /**
     * Sets clean samples to start from, as in SDEdit (Meng et al. 2022). Only the last {@code
     * floor(n strength)} of the sampler's n steps are done. The samples first get noise of the
     * level at which these begin: the first draw from the {@linkplain #noise source of noise}.
     *
     * @param x0 {@code [count, sampleShape...]}; not changed, and must not be closed during the run
     * @param part in [0, 1]: the closer to 0, the more similar are the results to {@code x0}; with
     *     0 no step is done and they are {@code x0}; with 1 all steps are done, and nothing of
     *     {@code x0} is left but what the noise schedule leaves at its end
     */
    public Builder start(INDArray x0, double part) {
      if (!(part >= 0 && part <= 1)) {
        throw new IllegalArgumentException("strength must be in [0, 1] but was " + part);
      }
      start = Objects.requireNonNull(x0, "start");
      strength = OptionalDouble.of(part);
      return this;
    }

    /**
     * Sets the part of the samples that is known; a run makes the rest to fit: inpainting, and
     * outpainting, where the known part is a small picture within a large one. It works with every
     * sampler that begins with noise.
     *
     * <p>After each step the known part is replaced by that of {@code x0} with noise of the current
     * level, and after the last step by that of {@code x0} itself (replacement: Song et al. 2021).
     * So what the mask gives 1 comes back exactly. The noise is that which the sampler drew in the
     * step, or a further draw. A {@link #afterStep hook} is called afterwards.
     *
     * @param x0 clean samples, FLOAT {@code [count, sampleShape...]} or one for all samples;
     *     finite, also where nothing is known; not changed, and must not be closed during the run
     * @param mask FLOAT of the same rank: one for each sample or one for all, one for each channel
     *     (or feature) or one for all, and the same height and width; 1 where {@code x0} is known,
     *     0 where it is not, and between them for soft edges; as {@code x0} otherwise
     */
    public Builder known(INDArray x0, INDArray mask) {
      known = new Known(x0, mask);
      return this;
    }

    /** Sets a hook that is called after each step; by default none. */
    public Builder afterStep(Hook what) {
      hook = Objects.requireNonNull(what, "hook");
      return this;
    }

    /** Sets the listener. */
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
     * Makes a cancelled run return the samples made so far in its {@link
     * SamplingCancelledException}; otherwise they are freed.
     */
    public Builder keepPartial() {
      keepsPartial = true;
      return this;
    }

    /**
     * Keeps every k-th step and the last one in {@link SamplingResult#trajectory}.
     *
     * @param k at least 1; with 50 steps, k = 10 keeps those with indices 9, 19, 29, 39 and 49
     */
    public Builder trajectory(int k) {
      trajectoryEvery = requirePositive("trajectory", k);
      return this;
    }

    /**
     * Limits the native memory of the run: samples, trajectory, its own arrays and {@link
     * Denoiser#predictionBytes}, but not the model's weights and the start. If necessary, batches
     * are smaller than {@link #batchSize}; this changes samples only with {@link
     * NoiseSource#torch}. The sampler refuses a model that does not know its memory.
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
     * @throws IllegalArgumentException if condition, seeds or start are not for {@code count}
     *     samples
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
