package org.diffusion4j.autoencoder;

import java.util.Map;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.training.Loss;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Trains an {@link AutoencoderKL} with {@link org.diffusion4j.training.DiffusionTrainer} and all
 * that it has: averages of the weights, checkpoints, validation, listeners.
 *
 * <pre>{@code
 * AutoencoderKL.Config config =
 *     AutoencoderKL.Config.of(AutoencoderBlocks.of(3, 4, 8, List.of(32, 64, 64)), 64);
 * try (AutoencoderKL autoencoder = AutoencoderKL.create(config, 0);
 *     SameDiffDenoiser model = AutoencoderTraining.model(autoencoder, 64, 64);
 *     DiffusionTrainer trainer =
 *         DiffusionTrainer.builder(model)
 *             .loss(AutoencoderTraining.loss(config, 1e-6))
 *             .optimizer(Optimizer.adam(1e-3))
 *             .ema(0.999)
 *             .build()) {
 *   trainer.train(SampleIterator.of(images, 16).shuffle(0).build(), 10_000);
 *   trainer.useAverage();
 *   AutoencoderTraining.copyWeights(model, autoencoder);
 *   autoencoder.save(directory);
 * }
 * }</pre>
 *
 * <p>The loss is the mean squared error of the reconstruction and the weighted Kullback-Leibler
 * divergence of the latents. There is no perceptual and no adversarial loss, which Rombach et al.
 * (2022) add; without them fine textures become smooth.
 */
public final class AutoencoderTraining {

  /** One timestep, whose noise is below the resolution of a float. */
  private static final NoiseSchedule CLEAN = NoiseSchedule.ofAlphaBars(Math.nextDown(1.0));

  private AutoencoderTraining() {}

  /**
   * A model for the trainer: from images to their reconstruction and the distribution of their
   * latents. In training the latents are drawn from it, in validation they are its mean. The model
   * is no denoiser, and its samples are no images.
   *
   * @param autoencoder whose weights are copied
   * @param height of the training images, at least {@link Autoencoder#factor}
   * @param width of the training images, at least {@link Autoencoder#factor}
   * @return must be closed by the caller
   * @throws IllegalArgumentException if the size is too small, if images and reconstructions have
   *     other numbers of channels, or if the weights exceed memory
   */
  public static SameDiffDenoiser model(AutoencoderKL autoencoder, int height, int width) {
    AutoencoderKL.Config config = autoencoder.config();
    autoencoder.latentShape(height, width);
    KlLoss.requireReconstruction(config);
    KlGraph graph = new KlGraph(config, height, width);
    WeightShapes.requireMemory(autoencoder.weightShapes());
    Map<String, INDArray> copies = autoencoder.copyWeights();
    boolean done = false;
    try {
      SameDiffDenoiser model =
          Detached.get(
              () -> {
                Layers layers = Layers.sharing(copies);
                layers.input(Graphs.TIMESTEP, -1, 1);
                graph.build(layers);
                return new SameDiffDenoiser(
                    layers.sd,
                    new long[] {config.blocks().imageChannels(), height, width},
                    new long[] {graph.outputs()},
                    CLEAN,
                    Prediction.SAMPLE);
              });
      done = true;
      return model;
    } finally {
      if (!done) {
        copies.values().forEach(INDArray::close);
      }
    }
  }

  /**
   * The loss for a {@link #model}: the mean squared error of the reconstruction plus {@code
   * klWeight} times the divergence of the latents from a standard normal distribution, summed over
   * the latents of an image (Kingma and Welling 2014, equation 10).
   *
   * @param config of the autoencoder
   * @param klWeight finite and at least 0; 1e-6 in Rombach et al. 2022
   * @throws IllegalArgumentException if the weight is out of range
   */
  public static Loss loss(AutoencoderKL.Config config, double klWeight) {
    return new KlLoss(config, klWeight);
  }

  /**
   * Copies the weights of a {@link #model} to an autoencoder, during training for a preview, or
   * after it.
   *
   * @param model of an autoencoder with the same configuration
   * @param to must not be running
   * @throws IllegalArgumentException if the models have other weights
   */
  public static void copyWeights(SameDiffDenoiser model, AutoencoderKL to) {
    to.assign(model.weights());
  }
}
