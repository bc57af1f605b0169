package org.diffusion4j.unet;

import java.util.Set;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/** A denoiser for vectors: residual dense layers; each gets the embedded timestep. */
public final class Mlp extends SameDiffDenoiser {

  private final MlpConfig config;

  private Mlp(MlpConfig config, NoiseSchedule schedule, Prediction prediction, long seed) {
    super(
        graph(config, new Layers(seed)),
        new long[] {config.features()},
        schedule,
        prediction,
        Set.of(),
        false,
        0);
    this.config = config;
  }

  /**
   * An MLP with random weights that predicts the noise.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param seed seed of the weights
   */
  public static Mlp create(MlpConfig config, NoiseSchedule schedule, long seed) {
    return create(config, schedule, Prediction.EPSILON, seed);
  }

  /**
   * An MLP with random weights.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @param seed seed of the weights @throws IllegalArgumentException if the weights exceed memory;
   *     nothing is allocated then
   */
  public static Mlp create(
      MlpConfig config, NoiseSchedule schedule, Prediction prediction, long seed) {
    WeightShapes.requireMemory(config.weightShapes());
    return new Mlp(config, schedule, prediction, seed);
  }

  static SameDiff graph(MlpConfig config, Layers layers) {
    int width = config.width();
    SDVariable x = layers.input(Graphs.SAMPLE, -1, config.features());
    SDVariable t = layers.input(Graphs.TIMESTEP, -1, 1);
    SDVariable embedded = layers.sinusoidal(t, width, true, 0);
    SDVariable time = layers.silu(layers.timeMlp("time_embedding", embedded, width, width));
    SDVariable h = layers.dense("linear_in", x, config.features(), width);
    for (int i = 0; i < config.layers(); i++) {
      String name = "layers." + i;
      SDVariable y = layers.dense(name + ".linear_1", layers.silu(h), width, width);
      y = y.add(layers.dense(name + ".time_emb_proj", time, width, width));
      h = h.add(layers.dense(name + ".linear_2", layers.silu(y), width, width));
    }
    layers.output(layers.dense("linear_out", layers.silu(h), width, config.features()));
    return layers.sd;
  }

  @Override
  public MlpConfig config() {
    return config;
  }
}
