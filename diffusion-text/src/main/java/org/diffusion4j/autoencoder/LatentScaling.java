package org.diffusion4j.autoencoder;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How latents are scaled for a diffusion model, which is trained on values of about unit variance
 * (Rombach et al. 2022, appendix G). Immutable.
 *
 * @param factor finite and positive
 * @param shift subtracted before the multiplication by the factor, or null for none
 * @param mean of each channel, or null; used only together with {@code std} and instead of {@code
 *     shift}
 * @param std standard deviation of each channel, positive, or null
 */
public record LatentScaling(
    double factor,
    @Nullable Double shift,
    @Nullable List<Double> mean,
    @Nullable List<Double> std) {

  /** Latents as they are. */
  public static final LatentScaling NONE = new LatentScaling(1, null, null, null);

  /**
   * @throws IllegalArgumentException if a number is out of range, or if there are means without
   *     standard deviations
   */
  public LatentScaling {
    requireFactor(factor);
    if (shift != null && !Double.isFinite(shift)) {
      throw new IllegalArgumentException("shift factor must be finite but was " + shift);
    }
    if ((mean == null) != (std == null)
        || (mean != null && std != null && mean.size() != std.size())) {
      throw new IllegalArgumentException(
          "latents mean and std must have one number for each channel but were "
              + mean
              + " and "
              + std);
    }
    mean = mean == null ? null : List.copyOf(mean);
    std = std == null ? null : List.copyOf(std);
    if (std != null && std.stream().anyMatch(s -> !(s > 0 && s < Double.POSITIVE_INFINITY))) {
      throw new IllegalArgumentException("latents std must be positive and finite but was " + std);
    }
  }

  static void requireFactor(double factor) {
    if (!(factor > 0 && factor < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "scaling factor must be positive and finite but was " + factor);
    }
  }

  /**
   * Latents without a shift.
   *
   * @param factor finite and positive
   */
  public static LatentScaling of(double factor) {
    return new LatentScaling(factor, null, null, null);
  }

  /**
   * {@code (z - shift) factor}, the values for a diffusion model.
   *
   * @param latents FLOAT {@code [n, channels, height, width]}
   * @return a new array
   */
  public INDArray scaled(INDArray latents) {
    return map(latents, (z, shift, deviation) -> (z - shift) * (float) factor / deviation);
  }

  /** What {@link #scaled} makes of standard deviations; a new array. */
  INDArray scaledDeviation(INDArray deviations) {
    return map(deviations, (z, shift, deviation) -> z * (float) factor / deviation);
  }

  /**
   * The inverse of {@link #scaled}, for decoding.
   *
   * @param latents FLOAT {@code [n, channels, height, width]}
   * @return a new array
   */
  public INDArray unscaled(INDArray latents) {
    return map(latents, (z, shift, deviation) -> z * deviation / (float) factor + shift);
  }

  private interface Formula {
    float of(float z, float shift, float deviation);
  }

  private INDArray map(INDArray latents, Formula formula) {
    int channels = (int) latents.size(1);
    if (mean != null && mean.size() != channels) {
      throw new IllegalArgumentException(
          "latents must have " + mean.size() + " channels but had " + channels);
    }
    float[] values = FloatArrays.of(latents);
    int pixels = (int) (latents.size(2) * latents.size(3));
    for (int i = 0; i < values.length; i++) {
      int channel = i / pixels % channels;
      values[i] = formula.of(values[i], shift(channel), std == null ? 1 : std(channel));
    }
    return FloatArrays.array(values, latents.shape());
  }

  private float shift(int channel) {
    if (mean != null) {
      return mean.get(channel).floatValue();
    }
    return shift == null ? 0 : shift.floatValue();
  }

  private float std(int channel) {
    return std == null ? 1 : std.get(channel).floatValue();
  }
}
