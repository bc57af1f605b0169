package org.diffusion4j.unet;

/**
 * The architecture of an {@link Mlp}.
 *
 * @param features length of a sample, at least 1
 * @param width of the hidden layers, even and at least 2
 * @param layers number of residual hidden layers, in [1, 1000]
 */
public record MlpConfig(int features, int width, int layers) {

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
}
