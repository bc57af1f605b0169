package org.diffusion4j.unet;

import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The U-Net for images of DDPM (Ho et al. 2020) and its successors, with the structure and the
 * names of diffusers' {@code UNet2DModel}.
 */
public final class UNet extends SameDiffDenoiser {

  private final UNetConfig config;

  private UNet(UNetConfig config, NoiseSchedule schedule, Prediction prediction, long seed) {
    super(
        UNetGraph.build(config, seed),
        new long[] {config.sampleChannels(), config.height(), config.width()},
        schedule,
        prediction,
        GraphTraits.of(
            Set.of(UNetGraph.FOURIER_WEIGHT), config.classes().nullClass(), config.dropout()));
    this.config = config;
  }

  /**
   * A U-Net with random weights that predicts the noise.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param seed seed of the weights
   */
  public static UNet create(UNetConfig config, NoiseSchedule schedule, long seed) {
    return create(config, schedule, Prediction.EPSILON, seed);
  }

  /**
   * A U-Net with random weights.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @param seed seed of the weights
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  public static UNet create(
      UNetConfig config, NoiseSchedule schedule, Prediction prediction, long seed) {
    int rows = config.time().trainTimesteps().orElse(schedule.steps());
    if (config.time().embedding() == TimeEmbedding.LEARNED && rows < schedule.steps()) {
      throw new IllegalArgumentException(
          "train timesteps must be at least the schedule's steps, "
              + schedule.steps()
              + ", but were "
              + rows);
    }
    WeightShapes.requireMemory(config.weightShapes());
    return new UNet(config, schedule, prediction, seed);
  }

  @Override
  public UNetConfig config() {
    return config;
  }

  @Override
  public void requireTrainable() {
    if (config.time().embedding() == TimeEmbedding.FOURIER) {
      throw new IllegalArgumentException(
          "time embedding must not be FOURIER in training because it has no value at timestep 0");
    }
  }

  /** Whether the output has twice as many channels as a sample. */
  @Override
  public boolean learnsVariance() {
    return config.outChannels() == 2L * config.sampleChannels();
  }

  @Override
  public long[] outputShape() {
    return new long[] {config.outChannels(), config.height(), config.width()};
  }

  /** {@inheritDoc} Labels that are embedded as timesteps may be any number of at least 0. */
  @Override
  public Condition.Takes takes() {
    return config.classes().embedding() == ClassEmbedding.TIMESTEP
        ? Condition.Takes.labels(Condition.Takes.ANY, hasNullClass())
            .withPictures(config.pictureChannels())
        : super.takes();
  }

  @Override
  int encodedWidth() {
    return config.classes().embedding() == ClassEmbedding.TIMESTEP ? 1 : super.encodedWidth();
  }

  @Override
  INDArray encode(int[] labels) {
    if (config.classes().embedding() != ClassEmbedding.TIMESTEP) {
      return super.encode(labels);
    }
    float[] timesteps = new float[labels.length];
    for (int i = 0; i < labels.length; i++) {
      timesteps[i] = labels[i];
    }
    return Nd4j.create(timesteps, new long[] {labels.length, 1}, 'c');
  }
}
