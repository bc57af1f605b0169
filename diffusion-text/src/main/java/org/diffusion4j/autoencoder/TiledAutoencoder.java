package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.diffusion4j.autoencoder.AutoencoderKL.Moments;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An {@link AutoencoderKL} that divides larger images into tiles. */
final class TiledAutoencoder implements Autoencoder {

  private final AutoencoderKL whole;
  private final int imageTile;
  private final int latentTile;

  TiledAutoencoder(AutoencoderKL whole) {
    this.whole = whole;
    imageTile = whole.tileSize();
    latentTile = imageTile / whole.factor();
    if (latentTile < Tiling.LEAST_TILE) {
      throw new IllegalArgumentException(
          "tiles must have at least "
              + Tiling.LEAST_TILE
              + " x "
              + Tiling.LEAST_TILE
              + " latents but the sample size "
              + imageTile
              + " gives "
              + latentTile);
    }
  }

  @Override
  public INDArray encode(INDArray images) {
    Moments moments = moments(images);
    moments.logVariance().close();
    return moments.mean();
  }

  @Override
  public INDArray encode(INDArray images, INDArray noise) {
    try (Moments moments = moments(images)) {
      return moments.sample(noise);
    }
  }

  private Moments moments(INDArray images) {
    whole.requireImages(images);
    try (INDArray both = tiled(images, whole::encodeUnchecked, factor(), imageTile, latentTile)) {
      return Moments.of(both);
    }
  }

  @Override
  public INDArray decode(INDArray latents) {
    whole.requireLatents(latents);
    return tiled(latents, whole::decode, 1, latentTile, imageTile);
  }

  private static INDArray tiled(
      INDArray x, UnaryOperator<INDArray> network, int least, int inputTile, int outputTile) {
    return x.size(2) <= inputTile && x.size(3) <= inputTile
        ? network.apply(x)
        : new Tiling(network, least, inputTile, outputTile).run(x);
  }

  @Override
  public void save(Path directory, DataType weights) throws IOException {
    whole.save(directory, weights);
  }

  @Override
  public int imageChannels() {
    return whole.imageChannels();
  }

  @Override
  public int latentChannels() {
    return whole.latentChannels();
  }

  @Override
  public int factor() {
    return whole.factor();
  }

  @Override
  public LatentScaling scaling() {
    return whole.scaling();
  }

  @Override
  public int tileSize() {
    return imageTile;
  }

  @Override
  public Autoencoder tiled() {
    return this;
  }

  /** Has no effect, because the weights belong to another autoencoder. */
  @Override
  public void close() {}
}
