package org.diffusion4j;

import java.util.Arrays;
import java.util.Objects;
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

  private SamplingRequest(Builder builder) {
    count = builder.count;
    batchSize = builder.batchSize;
    noise = builder.noise;
    condition = builder.condition;
    start = builder.start;
    listener = builder.listener;
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

  /** How many samples the denoiser is given at once, at least 1. */
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

  /** Collects the settings of a request. */
  public static final class Builder {

    private final int count;
    private int batchSize = DEFAULT_BATCH_SIZE;
    private NoiseSource noise = NoiseSource.perSample(0);
    private Condition condition = Condition.none();
    private @Nullable INDArray start;
    private SamplingListener listener = SamplingListener.NONE;

    private Builder(int count) {
      this.count = requirePositive("count", count);
    }

    /** Sets the seed of the default noise, {@link NoiseSource#perSample}. */
    public Builder seed(long seed) {
      return noise(NoiseSource.perSample(seed));
    }

    /** Sets where all noise comes from, in place of a seed. */
    public Builder noise(NoiseSource source) {
      noise = Objects.requireNonNull(source, "noise");
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
     * @param x {@code [count, sampleShape...]}; left unchanged
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

    /**
     * The request.
     *
     * @throws IllegalArgumentException if the condition or the start is not for {@code count}
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
