package org.diffusion4j.unet;

import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.jspecify.annotations.Nullable;

/**
 * The architecture of an {@link Mlp}.
 *
 * @param features length of a sample, at least 1
 * @param width of the hidden layers, even and at least 2
 * @param layers number of residual hidden layers, in [1, 1000]
 */
public record MlpConfig(int features, int width, int layers) implements NetworkConfig {

  private static final String FEATURES = "features";
  private static final String WIDTH = "width";
  private static final String LAYERS = "layers";

  /**
   * @throws IllegalArgumentException if a value is out of range
   */
  public MlpConfig {
    require(features >= 1, "features must be at least 1 but were " + features);
    require(width >= 2 && width % 2 == 0, "width must be even and at least 2 but was " + width);
    require(layers >= 1 && layers <= 1000, "layers must be in [1, 1000] but were " + layers);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /**
   * Reads the result of {@link #toJson}.
   *
   * @param json settings by name
   * @param warnings receives a message about unknown settings, which are ignored
   * @throws IllegalArgumentException if a setting is missing, of another type or out of range
   */
  public static MlpConfig fromJson(
      Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
    JsonSettings settings = new JsonSettings(json);
    settings.warnOfUnknown(Set.of(FEATURES, WIDTH, LAYERS), warnings);
    return new MlpConfig(
        settings.integer(FEATURES), settings.integer(WIDTH), settings.integer(LAYERS));
  }

  @Override
  public Map<String, @Nullable Object> toJson() {
    return Map.of(FEATURES, features, WIDTH, width, LAYERS, layers);
  }

  @Override
  public Map<String, long[]> weightShapes() {
    WeightShapes shapes = new WeightShapes();
    shapes.timeMlp("time_embedding", width, width);
    shapes.dense("linear_in", features, width);
    for (int i = 0; i < layers; i++) {
      String name = "layers." + i;
      shapes.dense(name + ".linear_1", width, width);
      shapes.dense(name + ".time_emb_proj", width, width);
      shapes.dense(name + ".linear_2", width, width);
    }
    shapes.dense("linear_out", width, features);
    return shapes.all();
  }

  @Override
  public Mlp create(NoiseSchedule schedule, Prediction prediction, long seed) {
    return Mlp.create(this, schedule, prediction, seed);
  }

  @Override
  public Mlp create(SchedulerConfig scheduler, long seed) {
    return (Mlp) NetworkConfig.super.create(scheduler, seed);
  }
}
