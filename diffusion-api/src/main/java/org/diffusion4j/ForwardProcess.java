package org.diffusion4j;

import java.util.Arrays;
import java.util.Objects;
import java.util.function.IntToDoubleFunction;
import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The process q that turns data into noise, and its posterior, in closed form: DDPM (Ho et al.
 * 2020), section 2.
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
   * A draw of q(x_t | x_0), equation 4: {@code sqrt(alphaBar_t) x_0 + sqrt(1 - alphaBar_t)
   * epsilon}.
   *
   * @param x0 clean samples
   * @param epsilon standard normal noise of the same shape
   * @param t one timestep per sample, in [-1, T-1]
   */
  public INDArray noisy(INDArray x0, INDArray epsilon, int... t) {
    return combine(x0, s -> Math.sqrt(alphaBar(s)), epsilon, s -> Math.sqrt(1 - alphaBar(s)), t);
  }

  /**
   * The clean samples that noise implies, equation 15: {@code (x_t - sqrt(1 - alphaBar_t) epsilon)
   * / sqrt(alphaBar_t)}.
   *
   * @param xt noisy samples
   * @param epsilon the noise in them
   * @param t one timestep per sample, in [-1, T-1], with alphaBar above 0
   */
  public INDArray x0(INDArray xt, INDArray epsilon, int... t) {
    for (int s : t) {
      if (alphaBar(s) == 0) {
        throw new IllegalArgumentException(
            "alphaBar must be above 0 for x0 to follow from noise but was 0 at timestep " + s);
      }
    }
    return combine(
        xt,
        s -> 1 / Math.sqrt(alphaBar(s)),
        epsilon,
        s -> -Math.sqrt(1 - alphaBar(s)) / Math.sqrt(alphaBar(s)),
        t);
  }

  /**
   * The noise that clean samples imply: {@code (x_t - sqrt(alphaBar_t) x_0) / sqrt(1 -
   * alphaBar_t)}.
   *
   * @param xt noisy samples
   * @param x0 clean samples
   * @param t one timestep per sample, in [0, T-1]
   */
  public INDArray epsilon(INDArray xt, INDArray x0, int... t) {
    requireNoising(t);
    return combine(
        xt,
        s -> 1 / Math.sqrt(1 - alphaBar(s)),
        x0,
        s -> -Math.sqrt(alphaBar(s)) / Math.sqrt(1 - alphaBar(s)),
        t);
  }

  /**
   * The velocity {@code sqrt(alphaBar_t) epsilon - sqrt(1 - alphaBar_t) x_0}: Salimans and Ho 2022.
   *
   * @param x0 clean samples
   * @param epsilon the noise added to them
   * @param t one timestep per sample, in [-1, T-1]
   */
  public INDArray velocity(INDArray x0, INDArray epsilon, int... t) {
    return combine(epsilon, s -> Math.sqrt(alphaBar(s)), x0, s -> -Math.sqrt(1 - alphaBar(s)), t);
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
        s -> Math.sqrt(alphaBar(s - 1)) * schedule.beta(s) / (1 - alphaBar(s)),
        xt,
        s -> Math.sqrt(schedule.alpha(s)) * (1 - alphaBar(s - 1)) / (1 - alphaBar(s)),
        t);
  }

  /**
   * The smaller of the reverse step's two usual variances, that of q(x_{t-1} | x_t, x_0). It is
   * exact if the data are a single point (DDPM, section 3.2).
   *
   * @param t in [0, T-1]
   */
  public double posteriorVariance(int t) {
    return schedule.posteriorVariance(t);
  }

  /**
   * The larger of the reverse step's two usual variances, beta_t. It is exact for standard normal
   * data (DDPM, section 3.2).
   *
   * @param t in [0, T-1]
   */
  public double stepVariance(int t) {
    return schedule.beta(t);
  }

  private double alphaBar(int t) {
    return schedule.alphaBar(t);
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
