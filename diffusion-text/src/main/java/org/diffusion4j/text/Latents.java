package org.diffusion4j.text;

import org.diffusion4j.NoiseSource;
import org.diffusion4j.autoencoder.Autoencoder;
import org.diffusion4j.autoencoder.AutoencoderKL;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Converts pictures to the samples of a diffusion model and back: through an autoencoder, or not at
 * all.
 *
 * @param autoencoder null for a model of pixels
 * @param draws whether encoding draws noise
 * @param scaled whether what is decoded is scaled as the autoencoder says
 */
record Latents(@Nullable Autoencoder autoencoder, boolean draws, boolean scaled) {

  static Latents of(@Nullable Autoencoder autoencoder, boolean scaled) {
    return new Latents(autoencoder, autoencoder instanceof AutoencoderKL, scaled);
  }

  /** The same in tiles, if the autoencoder has them. */
  Latents tiled() {
    return autoencoder == null ? this : new Latents(autoencoder.tiled(), draws, scaled);
  }

  /** By how much pictures are higher and wider than samples. */
  int factor() {
    return autoencoder == null ? 1 : autoencoder.factor();
  }

  /** The channels of pictures, where samples have {@code channels}. */
  int imageChannels(int channels) {
    return autoencoder == null ? channels : autoencoder.imageChannels();
  }

  /**
   * Samples drawn for pictures.
   *
   * @param images {@code [n, channels, height, width]}
   * @return a new array
   */
  INDArray encode(INDArray images, NoiseSource.Batch noise) {
    if (autoencoder == null) {
      return images.dup('c');
    }
    if (!draws) {
      try (INDArray latents = autoencoder.encode(images)) {
        return autoencoder.scaling().scaled(latents);
      }
    }
    try (INDArray drawn = noise.next(shape(images));
        INDArray latents = autoencoder.encode(images, drawn)) {
      return autoencoder.scaling().scaled(latents);
    }
  }

  /** Draws what {@link #encode} would draw, and nothing else. */
  void skip(INDArray images, NoiseSource.Batch noise) {
    if (draws) {
      noise.next(shape(images)).close();
    }
  }

  /** The mode of the latents of pictures, not scaled. */
  INDArray mode(INDArray images) {
    return autoencoder == null ? images.dup('c') : autoencoder.encode(images);
  }

  /** The pictures of samples, about in [-1, 1], in a new array. */
  INDArray decode(INDArray samples) {
    if (autoencoder == null) {
      return samples.dup('c');
    }
    if (!scaled) {
      return autoencoder.decode(samples);
    }
    try (INDArray latents = autoencoder.scaling().unscaled(samples)) {
      return autoencoder.decode(latents);
    }
  }

  private long[] shape(INDArray images) {
    int factor = factor();
    return new long[] {
      images.size(0),
      autoencoder == null ? images.size(1) : autoencoder.latentChannels(),
      images.size(2) / factor,
      images.size(3) / factor
    };
  }
}
