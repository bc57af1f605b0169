package org.diffusion4j;

import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a denoiser predicts, and the conversions between predictions.
 *
 * <p>Each is a combination {@code ofX0 x_0 + ofEpsilon epsilon} whose factors depend on the noise
 * level; x_0 and epsilon follow from it and {@code x_t = signal x_0 + noise epsilon}. Methods do
 * not change their arguments and return new arrays. They throw {@link IllegalArgumentException} if
 * shapes differ, arrays are integers, or nothing follows from the output at the level.
 */
public enum Prediction {
  /** The noise that was added: DDPM (Ho et al. 2020), equation 14. */
  EPSILON {
    @Override
    public double ofX0(Level level) {
      return 0;
    }

    @Override
    public double ofEpsilon(Level level) {
      return 1;
    }
  },

  /** The clean sample x_0. */
  SAMPLE {
    @Override
    public double ofX0(Level level) {
      return 1;
    }

    @Override
    public double ofEpsilon(Level level) {
      return 0;
    }
  },

  /**
   * The velocity {@code v = sqrt(alphaBar) epsilon - sqrt(1 - alphaBar) x_0}: Salimans and Ho 2022,
   * section 4. In a process that preserves the variance of data of deviation sigma_data it is that
   * of the data divided by sigma_data.
   */
  VELOCITY {
    @Override
    public double ofX0(Level level) {
      return -level.noise() / sigmaData(level);
    }

    @Override
    public double ofEpsilon(Level level) {
      return level.signal() * sigmaData(level);
    }
  },

  /**
   * The output F of an EDM network (Karras et al. 2022), equation 7: {@code x_0 = c_skip (x_0 +
   * sigma epsilon) + c_out F}. It is the negative of {@link #VELOCITY}.
   */
  EDM {
    @Override
    public double ofX0(Level level) {
      return -VELOCITY.ofX0(level);
    }

    @Override
    public double ofEpsilon(Level level) {
      return -VELOCITY.ofEpsilon(level);
    }
  },

  /**
   * The velocity {@code epsilon - x_0} of the straight path from data to noise: Liu et al. 2023,
   * equation 1; Lipman et al. 2023, whose time runs from noise to data, equation 23.
   */
  FLOW {
    @Override
    public double ofX0(Level level) {
      return -1;
    }

    @Override
    public double ofEpsilon(Level level) {
      return 1;
    }
  },

  /**
   * The score of x_t, the gradient of its log density, {@code -epsilon / noise}: Song et al. 2021.
   * Its size is {@code 1 / noise}, which a network should divide by itself, as the paper's do; one
   * that does not is better trained to predict {@link #EPSILON}.
   */
  SCORE {
    @Override
    public double ofX0(Level level) {
      return 0;
    }

    @Override
    public double ofEpsilon(Level level) {
      return -1 / level.noise();
    }
  };

  /** The factor of x_0 in the output. */
  public abstract double ofX0(Level level);

  /** The factor of epsilon in the output. */
  public abstract double ofEpsilon(Level level);

  /**
   * Checks that this has a meaning for a process: velocities and the outputs of EDM need one that
   * preserves the variance of its data.
   *
   * @throws IllegalArgumentException if it has none
   */
  public void requireFits(NoiseSchedule schedule) {
    if (this != VELOCITY && this != EDM) {
      return;
    }
    double first = sigmaData(schedule.levelOfSigma(0.5));
    double second = sigmaData(schedule.levelOfSigma(2));
    if (!(Math.abs(first - second) < 1e-6 * first)) {
      throw new IllegalArgumentException(
          "prediction must be EPSILON, SAMPLE, FLOW or SCORE for a process that does not preserve"
              + " variance, "
              + schedule
              + ", but was "
              + this);
    }
  }

  /** The deviation of the data whose noisy samples have variance 1: 1 if variance is preserved. */
  private static double sigmaData(Level level) {
    return level.scale() == 1 || level.signal() == 0
        ? 1
        : Math.sqrt(1 - level.noise() * level.noise()) / level.signal();
  }

  /**
   * The clean sample that follows from an output.
   *
   * @param xt noisy samples, any shape
   * @param output a denoiser's output, of the shape of {@code xt}
   * @param level of {@code xt}; with signal for {@link #EPSILON} and {@link #SCORE}
   * @return a new array of the shape of {@code xt}
   */
  public INDArray x0(INDArray xt, INDArray output, Level level) {
    double determinant = determinant(level);
    if (determinant == 0 && this != SAMPLE) {
      throw new IllegalArgumentException("alphaBar must be in (0, 1] but was " + level.alphaBar());
    }
    return this == SAMPLE
        ? copy(xt, output)
        : LinearCombination.of(
            ofEpsilon(level) / determinant, xt, -level.noise() / determinant, output);
  }

  /**
   * The noise that follows from an output.
   *
   * @param xt noisy samples, any shape
   * @param output a denoiser's output, of the shape of {@code xt}
   * @param level of {@code xt}; with noise for {@link #SAMPLE}
   * @return a new array of the shape of {@code xt}
   */
  public INDArray epsilon(INDArray xt, INDArray output, Level level) {
    if (this == EPSILON) {
      return copy(xt, output);
    }
    if (this == SCORE) {
      return LinearCombination.of(0, xt, -level.noise(), output);
    }
    double determinant = determinant(level);
    if (determinant == 0) {
      throw new IllegalArgumentException("alphaBar must be in [0, 1) but was " + level.alphaBar());
    }
    return LinearCombination.of(
        -ofX0(level) / determinant, xt, level.signal() / determinant, output);
  }

  /**
   * What a denoiser should return.
   *
   * @param x0 clean samples, any shape
   * @param epsilon the noise in them, of the same shape
   * @param level of the noisy samples
   * @return a new array of the same shape
   */
  public INDArray output(INDArray x0, INDArray epsilon, Level level) {
    return LinearCombination.of(ofX0(level), x0, ofEpsilon(level), epsilon);
  }

  /**
   * {@link #x0(INDArray, INDArray, Level)} in the scale that preserves variance.
   *
   * @param alphaBar of {@code xt}; in (0, 1] for {@link #EPSILON}, otherwise in [0, 1]
   */
  public INDArray x0(INDArray xt, INDArray output, double alphaBar) {
    requireAlphaBar(alphaBar);
    return x0(xt, output, Level.of(alphaBar));
  }

  /**
   * {@link #epsilon(INDArray, INDArray, Level)} in the scale that preserves variance.
   *
   * @param alphaBar of {@code xt}; in [0, 1) for {@link #SAMPLE}, otherwise in [0, 1]
   */
  public INDArray epsilon(INDArray xt, INDArray output, double alphaBar) {
    requireAlphaBar(alphaBar);
    return epsilon(xt, output, Level.of(alphaBar));
  }

  /** The determinant of the system that x_0 and epsilon solve. */
  final double determinant(Level level) {
    return level.signal() * ofEpsilon(level) - level.noise() * ofX0(level);
  }

  private static INDArray copy(INDArray xt, INDArray output) {
    LinearCombination.requireSameShape(xt, output);
    return Detached.get(output::dup);
  }

  private static void requireAlphaBar(double alphaBar) {
    if (!(alphaBar >= 0 && alphaBar <= 1)) {
      throw new IllegalArgumentException("alphaBar must be in [0, 1] but was " + alphaBar);
    }
  }
}
