package org.diffusion4j;

import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a denoiser predicts, and the conversions between predictions.
 *
 * <p>All follow from {@code x_t = sqrt(alphaBar) x_0 + sqrt(1 - alphaBar) epsilon}. Methods do not
 * change their arguments and return new arrays. They throw {@link IllegalArgumentException} if
 * shapes differ, arrays are integers, or {@code alphaBar} is out of range.
 */
public enum Prediction {
  /** The noise that was added: DDPM (Ho et al. 2020), equation 14. */
  EPSILON {
    @Override
    public INDArray x0(INDArray xt, INDArray output, double alphaBar) {
      requireAlphaBar(alphaBar > 0 && alphaBar <= 1, "(0, 1]", alphaBar);
      double root = Math.sqrt(alphaBar);
      return LinearCombination.of(1 / root, xt, -Math.sqrt(1 - alphaBar) / root, output);
    }

    @Override
    public INDArray epsilon(INDArray xt, INDArray output, double alphaBar) {
      requireAlphaBar(alphaBar >= 0 && alphaBar <= 1, "[0, 1]", alphaBar);
      LinearCombination.requireSameShape(xt, output);
      return Detached.get(output::dup);
    }
  },

  /** The clean sample x_0. */
  SAMPLE {
    @Override
    public INDArray x0(INDArray xt, INDArray output, double alphaBar) {
      requireAlphaBar(alphaBar >= 0 && alphaBar <= 1, "[0, 1]", alphaBar);
      LinearCombination.requireSameShape(xt, output);
      return Detached.get(output::dup);
    }

    @Override
    public INDArray epsilon(INDArray xt, INDArray output, double alphaBar) {
      requireAlphaBar(alphaBar >= 0 && alphaBar < 1, "[0, 1)", alphaBar);
      double root = Math.sqrt(1 - alphaBar);
      return LinearCombination.of(1 / root, xt, -Math.sqrt(alphaBar) / root, output);
    }
  },

  /**
   * The velocity {@code v = sqrt(alphaBar) epsilon - sqrt(1 - alphaBar) x_0}: Salimans and Ho 2022,
   * section 4.
   */
  VELOCITY {
    @Override
    public INDArray x0(INDArray xt, INDArray output, double alphaBar) {
      requireAlphaBar(alphaBar >= 0 && alphaBar <= 1, "[0, 1]", alphaBar);
      return LinearCombination.of(Math.sqrt(alphaBar), xt, -Math.sqrt(1 - alphaBar), output);
    }

    @Override
    public INDArray epsilon(INDArray xt, INDArray output, double alphaBar) {
      requireAlphaBar(alphaBar >= 0 && alphaBar <= 1, "[0, 1]", alphaBar);
      return LinearCombination.of(Math.sqrt(1 - alphaBar), xt, Math.sqrt(alphaBar), output);
    }
  };

  /**
   * The clean sample that follows from an output.
   *
   * @param xt noisy samples, any shape
   * @param output a denoiser's output, of the shape of {@code xt}
   * @param alphaBar of {@code xt}; in (0, 1] for {@link #EPSILON}, otherwise in [0, 1]
   * @return a new array of the shape of {@code xt}
   */
  public abstract INDArray x0(INDArray xt, INDArray output, double alphaBar);

  /**
   * The noise that follows from an output.
   *
   * @param xt noisy samples, any shape
   * @param output a denoiser's output, of the shape of {@code xt}
   * @param alphaBar of {@code xt}; in [0, 1) for {@link #SAMPLE}, otherwise in [0, 1]
   * @return a new array of the shape of {@code xt}
   */
  public abstract INDArray epsilon(INDArray xt, INDArray output, double alphaBar);

  private static void requireAlphaBar(boolean met, String range, double alphaBar) {
    if (!met) {
      throw new IllegalArgumentException("alphaBar must be in " + range + " but was " + alphaBar);
    }
  }
}
