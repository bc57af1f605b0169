package org.diffusion4j.training;

import java.util.Arrays;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How clean samples are made noisy in training. Immutable; {@code toString()} describes it.
 *
 * <p>Each sample's noise comes from its own stream, so that batches do not matter.
 *
 * @param offset standard deviation of a number that is added to all the noise of a channel, in [0,
 *     1]; 0 for none
 * @param perturbation standard deviation of the noise that the model is not told of, in [0, 1]; 0
 *     for none
 */
record Corruption(double offset, double perturbation) {

  /**
   * Checks the strengths.
   *
   * @throws IllegalArgumentException if one is not in [0, 1]
   */
  Corruption {
    requireStrength("offset", offset);
    requireStrength("perturbation", perturbation);
  }

  private static void requireStrength(String what, double strength) {
    if (!(strength >= 0 && strength <= 1)) {
      throw new IllegalArgumentException(what + " must be in [0, 1] but was " + strength);
    }
  }

  /** Standard normal noise: DDPM (Ho et al. 2020), algorithm 1. */
  static Corruption standard() {
    return new Corruption(0, 0);
  }

  /**
   * This with offset noise: one more normal number for each sample and channel is part of the
   * noise, so that models learn to change the mean of a channel (Guttenberg, Diffusion with Offset
   * Noise, 2023). A vector has one channel.
   *
   * @param strength in [0, 1]; 0.1 in the source
   */
  Corruption withOffset(double strength) {
    return new Corruption(strength, perturbation);
  }

  /**
   * This with input perturbation: the noisy samples are made from {@code epsilon + gamma xi} with
   * xi standard normal, while epsilon stays what is to be found (Ning et al. 2023), as when a
   * sampler goes on from samples that are a little wrong.
   *
   * @param gamma in [0, 1]; 0.1 in the paper
   */
  Corruption withPerturbation(double gamma) {
    return new Corruption(offset, gamma);
  }

  /**
   * Noisy samples and the noise that is to be found in them.
   *
   * @param process from the clean samples to the noisy ones
   * @param x0 clean samples, FLOAT {@code [n, sampleShape...]}; left unchanged
   * @param t timestep of each sample, {@code [n]}, in [0, T-1]
   * @param noise of these samples; one draw, one more for an offset and one more for a perturbation
   * @return new arrays, to be closed by the caller
   * @throws IllegalArgumentException if shapes or timesteps do not fit
   */
  Noisy corrupt(ForwardProcess process, INDArray x0, int[] t, NoiseSource.Batch noise) {
    long[] shape = x0.shape();
    INDArray epsilon = noise.next(shape);
    try {
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

  /** One value a sample and channel, such that it is added to all of them. */
  private static long[] channels(long[] shape) {
    long[] ones = shape.clone();
    Arrays.fill(ones, shape.length > 2 ? 2 : 1, shape.length, 1);
    return ones;
  }

  /** Adds to samples in place, and closes what was added. */
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
    return settings.isEmpty() ? "standard" : "standard(" + settings + ")";
  }

  /**
   * Samples with noise, in native memory that belongs to whoever asked for it.
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}
   * @param noise that is to be found in them, of the same shape
   */
  record Noisy(INDArray xt, INDArray noise) implements AutoCloseable {

    /** Frees both. */
    @Override
    public void close() {
      xt.close();
      noise.close();
    }
  }
}
