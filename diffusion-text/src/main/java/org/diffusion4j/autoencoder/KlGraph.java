package org.diffusion4j.autoencoder;

import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * An {@link AutoencoderKL} as one graph from an image to everything that its loss needs: the
 * reconstruction, and mean and logarithm of the variance of each latent value, one after the other.
 *
 * @param config the architecture
 * @param height of an image
 * @param width of an image
 */
record KlGraph(AutoencoderKL.Config config, int height, int width) {

  /** The placeholder for the noise of the latents; zeros give their mean. */
  static final String NOISE = "latents" + Graphs.NOISE;

  private int factor() {
    return config.blocks().factor();
  }

  private int latentHeight() {
    return height / factor();
  }

  private int latentWidth() {
    return width / factor();
  }

  int channels() {
    return config.blocks().outChannels();
  }

  /** Rows of the reconstruction, of which a size that cannot be halved has fewer than the image. */
  int rows() {
    return latentHeight() * factor();
  }

  int columns() {
    return latentWidth() * factor();
  }

  int reconstructed() {
    return channels() * rows() * columns();
  }

  /** The number of latent values. */
  int latents() {
    return config.blocks().latentChannels() * latentHeight() * latentWidth();
  }

  /** The number of values of the output for one image. */
  int outputs() {
    return reconstructed() + 2 * latents();
  }

  /** Adds the graph with its placeholders, and sets its output. */
  void build(Layers layers) {
    int inputs = config.blocks().imageChannels();
    int latentChannels = config.blocks().latentChannels();
    SDVariable x = layers.input(Graphs.SAMPLE, -1, inputs, height, width);
    SDVariable noise = layers.input(NOISE, -1, latentChannels, latentHeight(), latentWidth());
    SDVariable both = config.encoded(layers, new FeatureMap(x, inputs, height, width)).value();
    SDVariable[] halves = layers.sd.split(rows(layers, both, 2 * latents()), 2, 1);
    SDVariable mean = halves[0];
    SDVariable log = clamped(layers, halves[1]);
    SDVariable deviation = layers.sd.math().exp(log.mul(0.5));
    SDVariable z = mean.add(deviation.mul(rows(layers, noise, latents())));
    SDVariable latent = layers.sd.reshape(z, -1, latentChannels, latentHeight(), latentWidth());
    FeatureMap y =
        config.decoded(
            layers, new FeatureMap(latent, latentChannels, latentHeight(), latentWidth()));
    layers.output(layers.sd.concat(1, rows(layers, y.value(), reconstructed()), mean, log));
  }

  private static SDVariable rows(Layers layers, SDVariable x, int values) {
    return layers.sd.reshape(x, -1, values);
  }

  /** Limits by two ReLUs, which have kernels and the gradient of a limit. */
  private static SDVariable clamped(Layers layers, SDVariable log) {
    SDVariable raised = layers.sd.nn().relu(log.sub(AutoencoderKL.LEAST_LOG), 0);
    float range = AutoencoderKL.MOST_LOG - AutoencoderKL.LEAST_LOG;
    SDVariable below = layers.sd.nn().relu(raised.mul(-1).add(range), 0);
    return below.mul(-1).add(AutoencoderKL.MOST_LOG);
  }
}
