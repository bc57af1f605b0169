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
  private final SamplingListener listener;
  private final CancelToken cancelToken;
  private final boolean keepsPartial;
  private final int trajectoryEvery;
  private final OptionalLong memoryLimit;

  private SamplingRequest(Builder builder) {
    count = builder.count;
    batchSize = builder.batchSize;
    noise = builder.noise;
    condition = builder.condition;
    start = builder.start;
    listener = builder.listener;
    cancelToken = builder.cancelToken;
    keepsPartial = builder.keepsPartial;
    trajectoryEvery = builder.trajectoryEvery;
    memoryLimit = builder.memoryLimit;
    if (builder.seeds > 0 && builder.seeds != count) {
      throw new IllegalArgumentException(
          "seeds must be one per sample, " + count + ", but were " + builder.seeds);
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

  /** Where the noise comes from. */
  public NoiseSource noise() {
    return noise;
  }

  /** One label per sample, or none. */
  public Condition condition() {
    return condition;
  }

  /** The array to start from in place of noise, {@code [count, sampleShape...]}, or null. */
  public @Nullable INDArray start() {
    return start;
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

  /** Collects the settings of a request. */
  public static final class Builder {

    private final int count;
    private int batchSize = DEFAULT_BATCH_SIZE;
    private NoiseSource noise = NoiseSource.perSample(0);
    private Condition condition = Condition.none();
    private @Nullable INDArray start;
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
     * @param numbers one for each sample
     */
    public Builder seeds(long... numbers) {
      noise(NoiseSource.seeds(numbers));
      seeds = numbers.length;
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

    /** Sets what the samples are to be of: one label per sample, or none. */
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

    /** Sets who watches. */
    public Builder listener(SamplingListener watcher) {
      listener = Objects.requireNonNull(watcher, "listener");
      return this;
    }

    /** Sets by what the run may be cancelled, from any thread. */
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
