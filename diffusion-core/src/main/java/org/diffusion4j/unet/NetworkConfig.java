package org.diffusion4j.unet;

import java.util.Map;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.jspecify.annotations.Nullable;

/**
 * The architecture of a network: everything that its graph is built from. Immutable; equal
 * architectures are equal.
 */
public sealed interface NetworkConfig permits UNetConfig, MlpConfig {

  /**
   * A network of this architecture with random weights.
   *
   * @param schedule what the timesteps refer to
   * @param prediction what the output stands for
   * @param seed of the weights
   * @throws IllegalArgumentException if memory cannot hold the weights, or if the architecture is
   *     for fewer timesteps than the schedule has; nothing is allocated then
   */
  SameDiffDenoiser create(NoiseSchedule schedule, Prediction prediction, long seed);

  /**
   * The names and shapes of the weights, in the graph's order. Nothing is built or allocated.
   *
   * <p>Dense weights are {@code [in, out]}, convolutions {@code [height, width, in, out]}.
   */
  Map<String, long[]> weightShapes();

  /**
   * The settings as {@code config.json} names them: strings, booleans, {@code Integer}, {@code
   * Long}, {@code Double}, lists, or null. The static method {@code fromJson} of each architecture
   * reads them.
   */
  Map<String, @Nullable Object> toJson();

  /**
   * Checks that a network of this architecture can be trained.
   *
   * @throws IllegalArgumentException if not; the message says why
   */
  default void requireTrainable() {}
}
