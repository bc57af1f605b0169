package org.diffusion4j.autoencoder;

import org.diffusion4j.Denoiser;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.training.Loss;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The mean squared error of the reconstruction, and the Kullback-Leibler divergence of the latents
 * from a standard normal distribution, in nats per image (Kingma and Welling 2014, equation 10).
 *
 * @param config the architecture
 * @param klWeight weight of the divergence, finite and at least 0
 */
record KlLoss(AutoencoderKL.Config config, double klWeight) implements Loss {

  KlLoss {
    if (!(klWeight >= 0 && klWeight < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "KL weight must be at least 0 and finite but was " + klWeight);
    }
    requireReconstruction(config);
  }

  static void requireReconstruction(AutoencoderKL.Config config) {
    if (config.blocks().outChannels() != config.blocks().imageChannels()) {
      throw new IllegalArgumentException(
          "out channels must be the image channels, "
              + config.blocks().imageChannels()
              + ", in training but were "
              + config.blocks().outChannels());
    }
  }

  @Override
  public void check(Denoiser model) {
    if (model.sampleShape().length != 3
        || model.sampleShape()[0] != config.blocks().imageChannels()) {
      throw new IllegalArgumentException(
          "this loss must have a model of AutoencoderTraining.model with the same configuration");
    }
  }

  @Override
  public SampleLoss of(NoisyBatch batch) {
    return of(batch.x0());
  }

  /**
   * The loss for the outputs of {@link KlGraph}.
   *
   * @param images FLOAT {@code [n, channels, height, width]}
   */
  SampleLoss of(INDArray images) {
    float[] x = FloatArrays.of(images);
    int n = (int) images.size(0);
    KlGraph graph = new KlGraph(config, (int) images.size(2), (int) images.size(3));
    int length = x.length / n;
    return (sample, output, gradient) -> {
      if (output.length != graph.outputs()) {
        throw new IllegalArgumentException(
            "outputs must have " + graph.outputs() + " values per sample but had " + output.length);
      }
      double error = reconstruction(graph, x, sample * length, n, output, gradient);
      return error + divergence(graph, n, output, gradient);
    };
  }

  /** The mean squared error, where image and reconstruction overlap. */
  private static double reconstruction(
      KlGraph graph, float[] x, int first, int n, float[] output, float[] gradient) {
    double share = 1.0 / ((double) n * graph.reconstructed());
    double sum = 0;
    int i = 0;
    for (int c = 0; c < graph.channels(); c++) {
      for (int row = 0; row < graph.rows(); row++) {
        int at = first + (c * graph.height() + row) * graph.width();
        for (int column = 0; column < graph.columns(); column++, i++) {
          double difference = output[i] - x[at + column];
          sum += difference * difference;
          gradient[i] = (float) (2 * share * difference);
        }
      }
    }
    return share * sum;
  }

  /** {@code (mean^2 + variance - 1 - log variance) / 2}, summed over the latents of an image. */
  private double divergence(KlGraph graph, int n, float[] output, float[] gradient) {
    int latents = graph.latents();
    int means = graph.reconstructed();
    int logs = means + latents;
    double share = klWeight / n;
    double sum = 0;
    for (int i = 0; i < latents; i++) {
      double mean = output[means + i];
      double log = output[logs + i];
      double variance = Math.exp(log);
      sum += 0.5 * (mean * mean + variance - 1 - log);
      gradient[means + i] = (float) (share * mean);
      gradient[logs + i] = (float) (share * 0.5 * (variance - 1));
    }
    return share * sum;
  }

  @Override
  public String toString() {
    return "autoencoder(klWeight=" + klWeight + ")";
  }
}
