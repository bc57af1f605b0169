package org.diffusion4j.training;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The variational bound on the negative log-likelihood of samples under a model and ancestral
 * sampling: DDPM (Ho et al. 2020), equation 5. Lower is better. Immutable.
 *
 * <pre>{@code
 * VariationalBound bound = VariationalBound.ofImages(model, Variance.POSTERIOR).withTimesteps(50);
 * double bitsPerDimension = bound.evaluate(images, Condition.none(), 1, 64).total();
 * }</pre>
 *
 * <p>The result depends on the samples and the seed, but not on the batch size, unless the model's
 * output for a sample does.
 */
public final class VariationalBound {

  /** The variance of the reverse step. */
  public enum Variance {
    /** beta_t: DDPM, section 3.2. */
    BETA,
    /**
     * The posterior variance (DDPM, equation 7); at timestep 0, where it is 0, the one of timestep
     * 1.
     */
    POSTERIOR,
    /**
     * The variance that the model predicts: Improved DDPM (Nichol and Dhariwal 2021), equation 15.
     */
    LEARNED
  }

  private static final double LOG_TWO_PI = Math.log(2 * Math.PI);

  private final Denoiser model;
  private final Variance variance;
  private final boolean images;
  private final int parts;
  private final ReverseStep[] steps;

  private VariationalBound(
      Denoiser model, Variance variance, boolean images, int parts, ReverseStep[] steps) {
    this.model = model;
    this.variance = variance;
    this.images = images;
    this.parts = parts;
    this.steps = steps;
  }

  /**
   * The bound of 8-bit images scaled to [-1, 1]. The last step uses the probability of a discrete
   * value (DDPM, equation 13), and the model's x_0 is clipped to [-1, 1].
   *
   * @param model asked with the schedule's own timesteps; stays the caller's
   * @param variance of the reverse steps
   * @throws IllegalArgumentException if the variance is to be learned and the model does not, or if
   *     alphaBar is 0 at a timestep of a model that predicts epsilon
   */
  public static VariationalBound ofImages(Denoiser model, Variance variance) {
    return of(model, variance, true);
  }

  /**
   * The bound of continuous values of any range. It is that of a density and may be negative.
   *
   * @param model asked with the schedule's own timesteps; stays the caller's
   * @param variance of the reverse steps
   * @throws IllegalArgumentException as {@link #ofImages}
   */
  public static VariationalBound ofDensity(Denoiser model, Variance variance) {
    return of(model, variance, false);
  }

  private static VariationalBound of(Denoiser model, Variance variance, boolean images) {
    Objects.requireNonNull(variance, "variance");
    if (variance == Variance.LEARNED && !model.learnsVariance()) {
      throw new IllegalArgumentException(
          "variance must be BETA or POSTERIOR for a model that does not learn it but was LEARNED");
    }
    ReverseStep[] steps = ReverseStep.all(model);
    return new VariationalBound(model, variance, images, steps.length, steps);
  }

  /**
   * A copy that estimates the same bound from fewer timesteps per sample: timestep 0 and a random
   * one of each of {@code count - 1} equal parts of the others.
   *
   * @param count in [2, T]; T, the default, is every timestep
   * @throws IllegalArgumentException if count is out of range
   */
  public VariationalBound withTimesteps(int count) {
    int all = steps.length;
    if (count > all || count < Math.min(2, all)) {
      throw new IllegalArgumentException(
          "timesteps must be in [" + Math.min(2, all) + ", " + all + "] but were " + count);
    }
    return new VariationalBound(model, variance, images, count, steps);
  }

  /**
   * A bound in bits per value of a sample ("bits per dimension").
   *
   * @param samples number of samples
   * @param total the bound: the prior term and the sum of the others
   * @param standardError standard error of the total, from the deviation between samples, which
   *     includes that of the noise; NaN for one sample
   * @param prior KL(q(x_T | x_0) || N(0, 1))
   * @param terms the term of each timestep, {@code [T]}; the first is the {@link #decoder()} term;
   *     NaN if no sample has this timestep
   */
  public record Result(
      int samples, double total, double standardError, double prior, List<Double> terms) {

    /** The term of the last step, from x_1 to x_0. */
    public double decoder() {
      return terms.get(0);
    }
  }

  /**
   * The bound, averaged over samples.
   *
   * @param x0 clean samples, FLOAT {@code [n, sampleShape...]}, of images in [-1, 1]; left
   *     unchanged
   * @param condition the condition of the samples
   * @param seed seed of the noise and the timesteps
   * @param batchSize batch size of model calls, at least 1
   * @throws IllegalArgumentException if the samples, the condition or the batch size do not fit
   * @throws IllegalStateException if the model returns another shape or values that are not finite
   */
  public Result evaluate(INDArray x0, Condition condition, long seed, int batchSize) {
    requireSamples(x0);
    int n = Math.toIntExact(x0.size(0));
    Condition.Takes.of(model).require(condition, n);
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch size must be at least 1 but was " + batchSize);
    }
    BoundRun run = new BoundRun(this, n, Math.toIntExact(x0.length() / n), seed);
    for (int first = 0; first < n; first += batchSize) {
      int end = Math.min(n, first + batchSize);
      try (INDArray batch = x0.get(NDArrayIndex.interval(first, end)).dup('c')) {
        run.add(first, batch, condition.slice(first, end));
      }
    }
    return run.result();
  }

  private void requireSamples(INDArray x0) {
    long[] shape = model.sampleShape();
    boolean fits = x0.dataType() == DataType.FLOAT && x0.rank() == shape.length + 1;
    if (!fits
        || x0.size(0) < 1
        || !Arrays.equals(x0.shape(), 1, x0.rank(), shape, 0, shape.length)) {
      throw new IllegalArgumentException(
          "samples must be FLOAT [n, "
              + Arrays.toString(shape).substring(1)
              + " but were "
              + x0.dataType()
              + " "
              + Arrays.toString(x0.shape()));
    }
  }

  Denoiser model() {
    return model;
  }

  boolean images() {
    return images;
  }

  ReverseStep[] steps() {
    return steps;
  }

  /** The number of parts of the timesteps; one timestep of each is used. */
  int parts() {
    return parts;
  }

  /** The first timestep of a part: timestep 0 is a part, and the others are of equal size. */
  int start(int part) {
    long others = steps.length - 1;
    return part == 0 ? 0 : (int) (1 + others * (part - 1) / Math.max(1, parts - 1));
  }

  /**
   * The term of a sample at a timestep, in nats.
   *
   * @param x0 clean samples
   * @param xt noisy ones
   * @param output of the model for them
   * @param sample whose term it is
   * @param length values of a sample
   * @param stride values of an output
   */
  double nats(
      ReverseStep step,
      float[] x0,
      float[] xt,
      float[] output,
      int sample,
      int length,
      int stride) {
    double nats = 0;
    for (int i = 0; i < length; i++) {
      int k = sample * length + i;
      double estimate = step.x0(xt[k], output[sample * stride + i]);
      if (images) {
        estimate = Math.max(-1, Math.min(1, estimate));
      }
      double logVariance =
          switch (variance) {
            case BETA -> step.logBeta();
            case POSTERIOR -> step.logPosteriorVariance();
            case LEARNED -> step.logVariance(output[sample * stride + length + i]);
          };
      if (!step.isLast()) {
        nats += step.nats(step.ratio(x0[k], estimate, logVariance), logVariance);
      } else if (images) {
        nats += EightBit.nats(x0[k], estimate, logVariance);
      } else {
        nats += density(x0[k] - estimate, logVariance);
      }
    }
    return nats;
  }

  /** The negative logarithm of a normal density. */
  private static double density(double distance, double logVariance) {
    return 0.5 * (LOG_TWO_PI + logVariance + distance * distance * Math.exp(-logVariance));
  }
}
