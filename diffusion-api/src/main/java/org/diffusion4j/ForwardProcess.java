package org.diffusion4j;

import java.util.Arrays;
import java.util.Objects;
import java.util.function.IntToDoubleFunction;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The process q that turns data into noise, and its posterior, in closed form: DDPM (Ho et al.
 * 2020), section 2. Samples are in the scale of the schedule's process; where DDPM has {@code
 * sqrt(alphaBar)} and {@code sqrt(1 - alphaBar)}, others have their {@linkplain NoiseSchedule#level
 * signal and noise}.
 *
 * <p>Methods take a batch {@code [n, ...]} of any sample shape with one timestep per sample, do not
 * change their arguments and return a new array of the batch's shape and type.
 *
 * @param schedule the noise schedule
 */
public record ForwardProcess(NoiseSchedule schedule) {

  public ForwardProcess {
    Objects.requireNonNull(schedule, "schedule");
  }

  /**
   * A draw of q(x_t | x_0), equation 4: {@code signal x_0 + noise epsilon}.
   *
   * @param x0 clean samples
   * @param epsilon standard normal noise of the same shape
   * @param t one timestep per sample, in [-1, T-1]
   */
  public INDArray noisy(INDArray x0, INDArray epsilon, int... t) {
    return combine(x0, s -> level(s).signal(), epsilon, s -> level(s).noise(), t);
  }

  /**
   * The clean samples that noise implies, equation 15: {@code (x_t - noise epsilon) / signal}.
   *
   * @param xt noisy samples
   * @param epsilon the noise in them
   * @param t one timestep per sample, in [-1, T-1], with alphaBar above 0
   */
  public INDArray x0(INDArray xt, INDArray epsilon, int... t) {
    for (int s : t) {
      if (level(s).signal() == 0) {
        throw new IllegalArgumentException(
            "alphaBar must be above 0 for x0 to follow from noise but was 0 at timestep " + s);
      }
    }
    return combine(
        xt, s -> 1 / level(s).signal(), epsilon, s -> -level(s).noise() / level(s).signal(), t);
  }

  /**
   * The noise that clean samples imply: {@code (x_t - signal x_0) / noise}.
   *
   * @param xt noisy samples
   * @param x0 clean samples
   * @param t one timestep per sample, in [0, T-1]
   */
  public INDArray epsilon(INDArray xt, INDArray x0, int... t) {
    requireNoising(t);
    return combine(
        xt, s -> 1 / level(s).noise(), x0, s -> -level(s).signal() / level(s).noise(), t);
  }

  /**
   * The {@linkplain Prediction#VELOCITY velocity}: Salimans and Ho 2022.
   *
   * @param x0 clean samples
   * @param epsilon the noise added to them
   * @param t one timestep per sample, in [-1, T-1]
   */
  public INDArray velocity(INDArray x0, INDArray epsilon, int... t) {
    Prediction.VELOCITY.requireFits(schedule);
    return combine(
        epsilon,
        s -> Prediction.VELOCITY.ofEpsilon(level(s)),
        x0,
        s -> Prediction.VELOCITY.ofX0(level(s)),
        t);
  }

  /**
   * The mean of q(x_{t-1} | x_t, x_0), equation 7.
   *
   * @param x0 clean samples
   * @param xt noisy samples
   * @param t one timestep per sample, in [0, T-1]
   */
  public INDArray posteriorMean(INDArray x0, INDArray xt, int... t) {
    requireNoising(t);
    return combine(
        x0,
        s -> level(s - 1).signal() * (1 - left(s)),
        xt,
        s ->
            level(s).signal()
                / level(s - 1).signal()
                * square(level(s - 1).noise() / level(s).noise()),
        t);
  }

  /** The fraction {@code sigma_{t-1}^2 / sigma_t^2} of the noise that a reverse step leaves. */
  private double left(int t) {
    return square(schedule.sigma(t - 1) / schedule.sigma(t));
  }

  private static double square(double x) {
    return x * x;
  }

  /**
   * The smaller of the reverse step's two usual variances, that of q(x_{t-1} | x_t, x_0), in the
   * scale of x_{t-1}. It is exact if the data are a single point (DDPM, section 3.2).
   *
   * @param t in [0, T-1]
   */
  public double posteriorVariance(int t) {
    return schedule.posteriorVariance(t) * square(level(t - 1).scale());
  }

  /**
   * The larger of the reverse step's two usual variances, beta_t, in the scale of x_t. It is exact
   * for standard normal data (DDPM, section 3.2).
   *
   * @param t in [0, T-1]
   */
  public double stepVariance(int t) {
    return schedule.beta(t) * square(level(t).scale());
  }

  private Level level(int t) {
    return schedule.level(t);
  }

  private void requireNoising(int[] t) {
    for (int s : t) {
      if (s < 0 || s >= schedule.steps()) {
        throw new IllegalArgumentException(
            "timestep must be in [0, " + (schedule.steps() - 1) + "] but was " + s);
      }
    }
  }

  /** {@code a(t) x + b(t) y}, each sample with its own t. */
  private static INDArray combine(
      INDArray x, IntToDoubleFunction a, INDArray y, IntToDoubleFunction b, int[] t) {
    if (!x.isR() || x.rank() < 1 || x.dataType() != y.dataType()) {
      throw new IllegalArgumentException(
          "samples must be two batches of one floating-point type but were "
              + describe(x)
              + " and "
              + describe(y));
    }
    if (!Arrays.equals(x.shape(), y.shape())) {
      throw new IllegalArgumentException(
          "samples must have the same shape but were " + describe(x) + " and " + describe(y));
    }
    if (x.size(0) != t.length) {
      throw new IllegalArgumentException(
          "timesteps must be one per sample, " + x.size(0) + ", but were " + t.length);
    }
    Pieces.require("two arrays " + Arrays.toString(x.shape()), 2 * x.length());
    return Detached.get(
        () -> {
          try (INDArray ax = column(x, a, t);
              INDArray by = column(y, b, t);
              INDArray scaled = y.mul(by)) {
            return x.mul(ax).addi(scaled);
          }
        });
  }

  private static INDArray column(INDArray batch, IntToDoubleFunction coefficient, int[] t) {
    long[] shape = new long[batch.rank()];
    Arrays.fill(shape, 1);
    shape[0] = t.length;
    double[] values = Arrays.stream(t).mapToDouble(coefficient).toArray();
    try (INDArray doubles = Nd4j.create(values, shape, DataType.DOUBLE)) {
      return doubles.dataType() == batch.dataType()
          ? doubles.dup()
          : doubles.castTo(batch.dataType());
    }
  }

  private static String describe(INDArray array) {
    return array.dataType() + " " + Arrays.toString(array.shape());
  }
}
