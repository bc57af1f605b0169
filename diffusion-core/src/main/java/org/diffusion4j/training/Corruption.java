package org.diffusion4j.training;

import java.util.Arrays;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Pictures;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How training adds noise to clean samples. Immutable; {@code toString()} describes it.
 *
 * <p>Each sample has its own random stream, so its noise does not depend on the batch size.
 *
 * @param offset standard deviation of the random number that is added to the noise of a channel, in
 *     [0, 1]; 0 for none
 * @param perturbation standard deviation of the additional noise of the input, in [0, 1]; 0 for
 *     none
 * @param pictureLevel the highest timestep of the noise of the condition's pictures; {@link #CLEAN}
 *     for none
 * @param levels the distribution of noise levels, or null for uniform timesteps
 * @param paired whether noise is paired with the clean samples of a batch
 */
record Corruption(
    double offset,
    double perturbation,
    int pictureLevel,
    @Nullable LogNormalLevels levels,
    boolean paired) {

  /** The timestep of samples without noise. */
  static final int CLEAN = -1;

  /**
   * Checks the strengths.
   *
   * @throws IllegalArgumentException if one is not in [0, 1], or if the level is less than -1
   */
  Corruption {
    requireStrength("offset", offset);
    requireStrength("perturbation", perturbation);
    if (pictureLevel < CLEAN) {
      throw new IllegalArgumentException(
          "picture noise must be at least 0 but was " + pictureLevel);
    }
  }

  private static void requireStrength(String what, double strength) {
    if (!(strength >= 0 && strength <= 1)) {
      throw new IllegalArgumentException(what + " must be in [0, 1] but was " + strength);
    }
  }

  /** Standard normal noise: DDPM (Ho et al. 2020), algorithm 1. */
  static Corruption standard() {
    return new Corruption(0, 0, CLEAN, null, false);
  }

  /**
   * With offset noise: one normal number per sample and channel is added to the noise, so that the
   * model learns to change the mean of a channel (Guttenberg, Diffusion with Offset Noise, 2023). A
   * vector has one channel.
   *
   * @param strength in [0, 1]; 0.1 in the source
   */
  Corruption withOffset(double strength) {
    return new Corruption(strength, perturbation, pictureLevel, levels, paired);
  }

  /**
   * With input perturbation: the noisy samples are computed from {@code epsilon + gamma xi} with xi
   * standard normal, but the target remains epsilon (Ning et al. 2023). This simulates the errors
   * of a sampler's intermediate samples.
   *
   * @param gamma in [0, 1]; 0.1 in the paper
   */
  Corruption withPerturbation(double gamma) {
    return new Corruption(offset, gamma, pictureLevel, levels, paired);
  }

  /** With conditioning augmentation: noise of random levels on the pictures of the condition. */
  Corruption withPictures(int mostLevel) {
    return new Corruption(offset, perturbation, mostLevel, levels, paired);
  }

  /** With a log-normal distribution of noise levels. */
  Corruption withLevels(LogNormalLevels distribution) {
    return new Corruption(offset, perturbation, pictureLevel, distribution, paired);
  }

  /** With noise that is paired with the clean samples of a batch. */
  Corruption withPairing() {
    return new Corruption(offset, perturbation, pictureLevel, levels, true);
  }

  /** The timesteps of a batch. */
  int[] timesteps(RandomGenerator draws, int n, NoiseSchedule schedule) {
    return levels == null
        ? draws.ints(n, 0, schedule.steps()).toArray()
        : levels.timesteps(draws, n, schedule);
  }

  /**
   * Noisy samples and the noise that the model should predict.
   *
   * @param process the forward process
   * @param x0 clean samples, FLOAT {@code [n, sampleShape...]}; left unchanged
   * @param t timestep of each sample, {@code [n]}, in [0, T-1]
   * @param noise noise of these samples: one draw, another for an offset, another for a
   *     perturbation
   * @return new arrays, to be closed by the caller
   * @throws IllegalArgumentException if shapes or timesteps do not fit
   */
  Noisy corrupt(ForwardProcess process, INDArray x0, int[] t, NoiseSource.Batch noise) {
    long[] shape = x0.shape();
    INDArray epsilon = noise.next(shape);
    try {
      if (paired) {
        Pairing.pair(x0, epsilon);
      }
      if (offset > 0) {
        addScaled(epsilon, offset, noise.next(channels(shape)));
      }
      if (perturbation == 0) {
        return new Noisy(process.noisy(x0, epsilon, t), epsilon);
      }
      try (INDArray perturbed = epsilon.dup()) {
        addScaled(perturbed, perturbation, noise.next(shape));
        return new Noisy(process.noisy(x0, perturbed, t), epsilon);
      }
    } catch (RuntimeException | Error e) {
      epsilon.close();
      throw e;
    }
  }

  /**
   * The condition of a batch, with noise on its pictures: draws of q(z_s | z_0) with s uniform in
   * [0, pictureLevel] for each sample (Ho et al. 2022, Cascaded Diffusion Models, section 4.2).
   *
   * @param levels draws s
   * @param noise of these samples, behind that of {@link #corrupt}
   * @return with arrays that the batch owns
   */
  Condition condition(
      ForwardProcess process, Batch batch, RandomGenerator levels, NoiseSource.Batch noise) {
    Optional<Pictures> pictures = batch.condition.part(Pictures.class);
    if (pictureLevel == CLEAN || pictures.isEmpty()) {
      return batch.condition;
    }
    INDArray clean = pictures.get().pictures();
    int[] s = levels.ints(batch.size(), 0, pictureLevel + 1).toArray();
    try (INDArray epsilon = noise.next(clean.shape())) {
      INDArray noisy = batch.own(process.noisy(clean, epsilon, s));
      return Condition.several(
          batch.condition.parts().stream()
              .map(part -> part instanceof Pictures ? Condition.pictures(noisy) : part)
              .toList());
    }
  }

  /** Draws what {@link #condition} draws for a batch, for one that is computed elsewhere. */
  void skip(int n, boolean pictures, RandomGenerator levels) {
    if (pictureLevel != CLEAN && pictures) {
      levels.ints(n, 0, pictureLevel + 1).forEach(level -> {});
    }
  }

  /** The shape with one value per sample and channel, for broadcasting. */
  private static long[] channels(long[] shape) {
    long[] ones = shape.clone();
    Arrays.fill(ones, shape.length > 2 ? 2 : 1, shape.length, 1);
    return ones;
  }

  /** Adds an array to samples in place and closes the array. */
  private static void addScaled(INDArray samples, double factor, INDArray draw) {
    try (draw) {
      samples.addi(draw.muli(factor));
    }
  }

  @Override
  public String toString() {
    String settings = offset > 0 ? "offset=" + offset : "";
    if (perturbation > 0) {
      settings += (settings.isEmpty() ? "" : ", ") + "perturbation=" + perturbation;
    }
    if (pictureLevel != CLEAN) {
      settings += (settings.isEmpty() ? "" : ", ") + "pictures=" + pictureLevel;
    }
    if (levels != null) {
      settings += (settings.isEmpty() ? "" : ", ") + levels;
    }
    if (paired) {
      settings += (settings.isEmpty() ? "" : ", ") + "paired";
    }
    return settings.isEmpty() ? "standard" : "standard(" + settings + ")";
  }

  /**
   * Samples with noise, owned by the caller.
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}
   * @param noise the noise that the model should predict, of the same shape
   */
  record Noisy(INDArray xt, INDArray noise) implements AutoCloseable {

    /** Frees both arrays. */
    @Override
    public void close() {
      xt.close();
      noise.close();
    }
  }
}
