package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.ModelFormatException;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Converts images to latents of fewer rows and columns, and back: the first stage of latent
 * diffusion (Rombach et al. 2022).
 *
 * <p>Images are FLOAT {@code [n, channels, height, width]} with values in [-1, 1], latents FLOAT
 * {@code [n, latentChannels, height / factor, width / factor]}. Heights and widths are rounded down
 * at each of the levels that halve them. Arrays that methods return belong to the caller. Other
 * shapes and types are refused with an {@link IllegalArgumentException}, calls after {@link #close}
 * with an {@link IllegalStateException}. Thread-safe.
 */
public interface Autoencoder extends AutoCloseable {

  /**
   * Reads the directory of an autoencoder, written here or by diffusers: {@code config.json} and
   * the weights. Its class decides which one it is.
   *
   * @param directory of an {@code AutoencoderKL}, a {@code VQModel} or an {@code AutoencoderTiny}
   * @throws ModelFormatException if a file is missing, damaged or not supported; the message names
   *     the file
   * @throws IOException if reading fails
   */
  static Autoencoder load(Path directory) throws IOException {
    return AutoencoderFiles.load(directory, false);
  }

  /**
   * The same for an autoencoder that only runs: the weights of an {@code AutoencoderKL} are held as
   * {@link AutoencoderKL#loadFrozen} does it.
   *
   * @throws ModelFormatException if a file is missing, damaged or not supported; the message names
   *     the file
   * @throws IOException if reading fails
   */
  static Autoencoder loadFrozen(Path directory) throws IOException {
    return AutoencoderFiles.load(directory, true);
  }

  /**
   * Writes {@code config.json} and the weights, as diffusers does.
   *
   * @param directory is created if it does not exist
   * @throws IOException if it cannot be written
   */
  default void save(Path directory) throws IOException {
    save(directory, DataType.FLOAT);
  }

  /**
   * The same with weights of a type.
   *
   * @param directory is created if it does not exist
   * @param weights the type of weights in their file, FLOAT or FLOAT16
   * @throws IllegalArgumentException for another type
   * @throws IOException if it cannot be written, or if a weight is too large for 16 bits
   */
  void save(Path directory, DataType weights) throws IOException;

  /** The number of channels of an image to encode. */
  int imageChannels();

  /** The number of channels of latents. */
  int latentChannels();

  /** By how much height and width of an image exceed those of its latents; a power of two. */
  int factor();

  /**
   * The shape of the latents of one image.
   *
   * @param height of the image, at least {@link #factor}
   * @param width of the image, at least {@link #factor}
   * @return {channels, height, width}
   */
  default long[] latentShape(int height, int width) {
    if (height < factor() || width < factor()) {
      throw new IllegalArgumentException(
          "height and width must be at least " + factor() + " but were " + height + " x " + width);
    }
    return new long[] {latentChannels(), height / factor(), width / factor()};
  }

  /** How the values of latents are scaled for a diffusion model. */
  LatentScaling scaling();

  /**
   * The latents of images; if the encoder gives a distribution, its mode.
   *
   * @param images values in [-1, 1]
   * @return not scaled
   */
  INDArray encode(INDArray images);

  /**
   * Latents drawn from the distribution that the encoder gives. An encoder that gives none ignores
   * the noise.
   *
   * @param images values in [-1, 1]
   * @param noise standard normal, of the shape of the latents
   * @return not scaled
   */
  default INDArray encode(INDArray images, INDArray noise) {
    return encode(images);
  }

  /**
   * The images of latents.
   *
   * @param latents not scaled
   * @return about in [-1, 1], not clamped
   */
  INDArray decode(INDArray latents);

  /**
   * The size of the tiles of {@link #tiled}, in pixels.
   *
   * @throws UnsupportedOperationException if this kind of autoencoder has no tiles
   */
  default int tileSize() {
    throw new UnsupportedOperationException(getClass().getSimpleName() + " has no tiles");
  }

  /**
   * This autoencoder, which divides larger images into overlapping tiles. So the memory depends on
   * the size of a tile. Results differ from those without tiles, because normalisation and
   * attention see one tile. It shares the weights and must not be used after this is closed; its
   * own {@code close} has no effect.
   *
   * @throws UnsupportedOperationException if this kind of autoencoder has no tiles
   */
  default Autoencoder tiled() {
    throw new UnsupportedOperationException(getClass().getSimpleName() + " has no tiles");
  }

  /** Frees the weights, after waiting for current calls. */
  @Override
  void close();
}
