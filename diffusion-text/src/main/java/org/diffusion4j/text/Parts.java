package org.diffusion4j.text;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.autoencoder.Autoencoder;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a text-to-image model.
 *
 * @param className of the pipeline in its directory
 * @param lowResScheduler the scheduler whose noise an enlarging pipeline adds to pictures, or null
 * @param settings the settings of the pipeline itself, by name, and absent parts as they are
 *     written: two nulls
 */
record Parts(
    PipelineKind kind,
    String className,
    SameDiffDenoiser network,
    @Nullable TextEncoder encoder,
    @Nullable Autoencoder autoencoder,
    SchedulerConfig scheduler,
    @Nullable SchedulerConfig lowResScheduler,
    Map<String, @Nullable Object> settings) {

  private static final String STEPS = "num_inference_steps";
  private static final String GUIDANCE = "guidance_scale";
  private static final String FORCE_ZEROS = "force_zeros_for_empty_prompt";
  private static final String MOST_NOISE = "max_noise_level";

  /**
   * A setting of the pipeline itself that is used.
   *
   * @param whole whether it must be an integer
   */
  record Setting(String name, boolean whole, double least) {

    boolean accepts(Object value) {
      return value instanceof Number number
          && number.doubleValue() >= least
          && number.doubleValue() <= Integer.MAX_VALUE
          && (!whole || value instanceof Long);
    }

    String requirement() {
      return (whole ? "an integer" : "a number")
          + String.format(Locale.ROOT, " in [%.0f, %d]", least, Integer.MAX_VALUE);
    }
  }

  static final List<Setting> SETTINGS =
      List.of(
          new Setting(STEPS, true, 1),
          new Setting(GUIDANCE, false, 0),
          new Setting(MOST_NOISE, true, 0));

  /** The network's input for an embedded guidance scale. */
  static final String GUIDANCE_INPUT = "timestep_cond";

  /** The network's input for sizes. */
  static final String SIZES_INPUT = "time_ids";

  /** The channels of a sample. */
  int channels() {
    return autoencoder == null
        ? Math.toIntExact(network.sampleShape()[0])
        : autoencoder.latentChannels();
  }

  /** The channels of the pictures that the network gets with a sample. */
  int pictureChannels() {
    return network.takes().pictureChannels();
  }

  /** Whether the network has an input. */
  boolean hasInput(String name) {
    Set<String> inputs = network.takes().inputs();
    return inputs != null && inputs.contains(name);
  }

  /**
   * Checks that the parts fit together.
   *
   * @throws IllegalArgumentException if not
   */
  void requireFit() {
    if (network.sampleShape()[0] != channels()) {
      throw new IllegalArgumentException(
          "network must be for samples with the channels of latents, "
              + channels()
              + ", but is for "
              + network.sampleShape()[0]);
    }
    int width = network.takes().embeddingWidth();
    int given = encoder == null ? 0 : encoder.width();
    if (width >= 0 && width != given) {
      throw new IllegalArgumentException(
          "network must take embeddings of the text encoder's width, "
              + given
              + ", but takes "
              + width);
    }
  }

  int steps() {
    return settings.get(STEPS) instanceof Number n ? n.intValue() : kind.defaults().steps();
  }

  double guidance() {
    return settings.get(GUIDANCE) instanceof Number n
        ? n.doubleValue()
        : kind.defaults().guidance();
  }

  /** Whether an absent negative text becomes zeros instead of the empty text. */
  boolean zerosForEmpty() {
    return kind == PipelineKind.STABLE_DIFFUSION_XL
        && !Boolean.FALSE.equals(settings.get(FORCE_ZEROS));
  }

  /** The largest noise level of an enlarging pipeline. */
  int mostNoise() {
    return settings.get(MOST_NOISE) instanceof Number n ? n.intValue() : 350;
  }

  /** The settings of a pipeline of ours. */
  static Map<String, @Nullable Object> own(int steps, double guidance) {
    return Map.of(STEPS, (long) steps, GUIDANCE, guidance);
  }
}
