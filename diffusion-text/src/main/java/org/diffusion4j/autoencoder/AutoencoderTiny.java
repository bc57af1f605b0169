package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.DoubleUnaryOperator;
import org.diffusion4j.ModelFormatException;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A small and fast autoencoder with the latents of a larger one (TAESD), with the structure and the
 * names of diffusers' class.
 */
public final class AutoencoderTiny implements Autoencoder {

  static final String CLASS_NAME = "AutoencoderTiny";

  /**
   * The architecture. Immutable.
   *
   * @param imageChannels of the images to encode
   * @param outChannels of the decoded images
   * @param latentChannels of latents
   * @param encoderChannels channels of each level of the encoder; all the same
   * @param decoderChannels channels of each level of the decoder; all the same
   * @param encoderBlocks residual blocks of each level of the encoder
   * @param decoderBlocks residual blocks of each level of the decoder
   * @param latentMagnitude half of the range of latents that {@link #toUnitInterval} maps to [0, 1]
   * @param latentShift what {@link #toUnitInterval} maps 0 to
   * @param scaling of latents for a diffusion model
   * @param forceUpcast whether the weights are not meant for 16-bit arithmetic; has no effect here
   */
  public record Config(
      int imageChannels,
      int outChannels,
      int latentChannels,
      List<Integer> encoderChannels,
      List<Integer> decoderChannels,
      List<Integer> encoderBlocks,
      List<Integer> decoderBlocks,
      double latentMagnitude,
      double latentShift,
      LatentScaling scaling,
      boolean forceUpcast) {

    private static final String ENCODER_CHANNELS = "encoder_block_out_channels";
    private static final String DECODER_CHANNELS = "decoder_block_out_channels";
    private static final String ENCODER_BLOCKS = "num_encoder_blocks";
    private static final String DECODER_BLOCKS = "num_decoder_blocks";
    private static final String MAGNITUDE = "latent_magnitude";
    private static final String LATENT_SHIFT = "latent_shift";
    private static final String UPSAMPLING = "upsample_fn";
    private static final String UPSAMPLING_FACTOR = "upsampling_scaling_factor";

    /**
     * @throws IllegalArgumentException if a number is out of range, or if the lists do not fit
     */
    public Config {
      encoderChannels = List.copyOf(encoderChannels);
      decoderChannels = List.copyOf(decoderChannels);
      encoderBlocks = List.copyOf(encoderBlocks);
      decoderBlocks = List.copyOf(decoderBlocks);
      AutoencoderBlocks.requirePositive("image channels", imageChannels);
      AutoencoderBlocks.requirePositive("out channels", outChannels);
      AutoencoderBlocks.requirePositive("latent channels", latentChannels);
      TinyCoders.require("encoder", encoderChannels, encoderBlocks);
      TinyCoders.require("decoder", decoderChannels, decoderBlocks);
      if (encoderBlocks.size() != decoderBlocks.size()) {
        throw new IllegalArgumentException(
            "encoder and decoder must have as many levels but had "
                + encoderBlocks.size()
                + " and "
                + decoderBlocks.size());
      }
      if (!(latentMagnitude > 0 && latentMagnitude < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "latent magnitude must be positive and finite but was " + latentMagnitude);
      }
    }

    /**
     * Reads the settings of diffusers' {@code config.json}; missing ones have its defaults.
     *
     * @param json settings by name
     * @param warnings receives a message about unknown settings, which are ignored
     * @throws IllegalArgumentException if a setting is of another type or not supported
     */
    public static Config fromJson(
        Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
      Set<String> known =
          Set.of(
              ENCODER_CHANNELS,
              DECODER_CHANNELS,
              ENCODER_BLOCKS,
              DECODER_BLOCKS,
              MAGNITUDE,
              LATENT_SHIFT,
              UPSAMPLING,
              UPSAMPLING_FACTOR,
              AutoencoderSettings.ACTIVATION,
              AutoencoderSettings.CHANNELS,
              AutoencoderSettings.IN,
              AutoencoderSettings.OUT,
              AutoencoderSettings.LATENT,
              AutoencoderSettings.FACTOR,
              AutoencoderSettings.SHIFT,
              AutoencoderSettings.FORCE_UPCAST);
      AutoencoderSettings settings = new AutoencoderSettings(json, known, warnings);
      settings.require(AutoencoderSettings.ACTIVATION, "relu");
      settings.require(UPSAMPLING, "nearest");
      settings.require(UPSAMPLING_FACTOR, 2);
      return new Config(
          settings.integer(AutoencoderSettings.IN, 3),
          settings.integer(AutoencoderSettings.OUT, 3),
          settings.integer(AutoencoderSettings.LATENT, 4),
          settings.integers(ENCODER_CHANNELS, List.of(64, 64, 64, 64)),
          settings.integers(DECODER_CHANNELS, List.of(64, 64, 64, 64)),
          settings.integers(ENCODER_BLOCKS, List.of(1, 3, 3, 3)),
          settings.integers(DECODER_BLOCKS, List.of(3, 3, 3, 1)),
          settings.number(MAGNITUDE, 3),
          settings.number(LATENT_SHIFT, 0.5),
          new LatentScaling(
              settings.number(AutoencoderSettings.FACTOR, 1),
              settings.numberOrNull(AutoencoderSettings.SHIFT),
              null,
              null),
          settings.flag(AutoencoderSettings.FORCE_UPCAST, false));
    }

    /** The settings with the names of {@code config.json}. */
    public Map<String, @Nullable Object> toJson() {
      Map<String, @Nullable Object> json = new TreeMap<>();
      json.put(AutoencoderSettings.ACTIVATION, "relu");
      json.put(AutoencoderSettings.CHANNELS, decoderChannels);
      json.put(ENCODER_CHANNELS, encoderChannels);
      json.put(DECODER_CHANNELS, decoderChannels);
      json.put(ENCODER_BLOCKS, encoderBlocks);
      json.put(DECODER_BLOCKS, decoderBlocks);
      json.put(MAGNITUDE, wholeIfPossible(latentMagnitude));
      json.put(LATENT_SHIFT, latentShift);
      json.put(UPSAMPLING, "nearest");
      json.put(UPSAMPLING_FACTOR, 2);
      json.put(AutoencoderSettings.IN, imageChannels);
      json.put(AutoencoderSettings.OUT, outChannels);
      json.put(AutoencoderSettings.LATENT, latentChannels);
      json.put(AutoencoderSettings.FACTOR, scaling.factor());
      json.put(AutoencoderSettings.SHIFT, scaling.shift());
      json.put(AutoencoderSettings.FORCE_UPCAST, forceUpcast);
      return json;
    }

    private static Object wholeIfPossible(double value) {
      return value == Math.rint(value) ? (Object) (long) value : (Object) value;
    }

    private Coders.Plan plan() {
      TinyCoders networks = new TinyCoders(this);
      return new Coders.Plan(
          networks::encoded, networks::decoded, imageChannels, latentChannels, factor());
    }

    int factor() {
      return 1 << (encoderBlocks.size() - 1);
    }
  }

  private final Config config;
  private final Coders coders;

  private AutoencoderTiny(Config config, Coders coders) {
    this.config = config;
    this.coders = coders;
  }

  /**
   * Reads a directory with a {@code config.json} and the weights.
   *
   * @param directory written here or by diffusers
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static AutoencoderTiny load(Path directory) throws IOException {
    return AutoencoderFiles.load(
        directory,
        CLASS_NAME,
        Config::fromJson,
        config -> new AutoencoderTiny(config, Coders.load(config.plan(), Map.of(), directory)));
  }

  @Override
  public void save(Path directory, DataType weights) throws IOException {
    AutoencoderFiles.save(directory, CLASS_NAME, config.toJson(), coders.weights(), weights);
  }

  /** The architecture. */
  public Config config() {
    return config;
  }

  @Override
  public int imageChannels() {
    return config.imageChannels;
  }

  @Override
  public int latentChannels() {
    return config.latentChannels;
  }

  @Override
  public int factor() {
    return config.factor();
  }

  /** {@inheritDoc} Heights and widths are rounded up at each level. */
  @Override
  public long[] latentShape(int height, int width) {
    if (height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "height and width must be at least 1 but were " + height + " x " + width);
    }
    return new long[] {
      config.latentChannels, (height + factor() - 1) / factor(), (width + factor() - 1) / factor()
    };
  }

  @Override
  public LatentScaling scaling() {
    return config.scaling;
  }

  @Override
  public INDArray encode(INDArray images) {
    FloatArrays.require("images", images, config.imageChannels, 1);
    return coders.encode(images);
  }

  @Override
  public INDArray decode(INDArray latents) {
    FloatArrays.require("latents", latents, config.latentChannels, 1);
    return coders.decode(latents);
  }

  /**
   * Latents as values that can be stored as an image.
   *
   * @return a new array, values in [0, 1]
   */
  public INDArray toUnitInterval(INDArray latents) {
    return map(
        latents,
        z -> Math.max(0, Math.min(1, z / (2 * config.latentMagnitude) + config.latentShift)));
  }

  /** The latents of values in [0, 1], the inverse of {@link #toUnitInterval}. */
  public INDArray fromUnitInterval(INDArray values) {
    return map(values, y -> (y - config.latentShift) * 2 * config.latentMagnitude);
  }

  private static INDArray map(INDArray array, DoubleUnaryOperator function) {
    float[] values = FloatArrays.of(array);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) function.applyAsDouble(values[i]);
    }
    return FloatArrays.array(values, array.shape());
  }

  @Override
  public void close() {
    coders.close();
  }

  @Override
  public String toString() {
    return CLASS_NAME + "[" + config + "]";
  }
}
