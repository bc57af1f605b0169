package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Layers;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The variational autoencoder of Stable Diffusion (Rombach et al. 2022, section 3.1; Kingma and
 * Welling 2014), with the structure and the names of diffusers' class: the encoder gives a normal
 * distribution of each latent value.
 *
 * <p>{@link AutoencoderTraining} trains it.
 */
public final class AutoencoderKL implements Autoencoder {

  static final String CLASS_NAME = "AutoencoderKL";

  /** The range of the logarithm of a variance. */
  static final float LEAST_LOG = -30;

  static final float MOST_LOG = 20;

  /**
   * The architecture. Immutable.
   *
   * @param blocks of the encoder and the decoder
   * @param sampleSize height and width of the training images, which is the size of a tile, too
   * @param quantConv whether the encoder ends with a linear map of the channels
   * @param postQuantConv whether the decoder begins with one
   * @param scaling of latents for a diffusion model
   * @param forceUpcast whether the weights are not meant for 16-bit arithmetic; has no effect here
   */
  public record Config(
      AutoencoderBlocks blocks,
      int sampleSize,
      boolean quantConv,
      boolean postQuantConv,
      LatentScaling scaling,
      boolean forceUpcast) {

    private static final String MEAN = "latents_mean";
    private static final String STD = "latents_std";
    private static final String QUANT = "use_quant_conv";
    private static final String POST_QUANT = "use_post_quant_conv";

    /**
     * @throws IllegalArgumentException if the sample size is not positive, or if the scaling has
     *     another number of channels
     */
    public Config {
      AutoencoderBlocks.requirePositive("sample size", sampleSize);
      if (scaling.mean() != null && scaling.mean().size() != blocks.latentChannels()) {
        throw new IllegalArgumentException(
            "latents mean must have the "
                + blocks.latentChannels()
                + " latent channels but has "
                + scaling.mean().size());
      }
    }

    /**
     * An architecture with both linear maps and without scaling.
     *
     * @param blocks of the encoder and the decoder
     * @param sampleSize height and width of the training images
     */
    public static Config of(AutoencoderBlocks blocks, int sampleSize) {
      return new Config(blocks, sampleSize, true, true, LatentScaling.NONE, true);
    }

    /** A copy with another scaling of latents. */
    public Config withScaling(LatentScaling other) {
      return new Config(blocks, sampleSize, quantConv, postQuantConv, other, forceUpcast);
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
      Set<String> known = new HashSet<>(AutoencoderSettings.OF_BLOCKS);
      known.addAll(
          Set.of(
              MEAN,
              STD,
              QUANT,
              POST_QUANT,
              AutoencoderSettings.SIZE,
              AutoencoderSettings.FACTOR,
              AutoencoderSettings.SHIFT,
              AutoencoderSettings.FORCE_UPCAST));
      AutoencoderSettings settings = new AutoencoderSettings(json, known, warnings);
      return new Config(
          settings.blocks(),
          settings.size(32),
          settings.flag(QUANT, true),
          settings.flag(POST_QUANT, true),
          new LatentScaling(
              settings.number(AutoencoderSettings.FACTOR, 0.18215),
              settings.numberOrNull(AutoencoderSettings.SHIFT),
              settings.numbersOrNull(MEAN),
              settings.numbersOrNull(STD)),
          settings.flag(AutoencoderSettings.FORCE_UPCAST, true));
    }

    /** The settings with the names of {@code config.json}. */
    public Map<String, @Nullable Object> toJson() {
      Map<String, @Nullable Object> json = new TreeMap<>();
      AutoencoderSettings.write(blocks, json);
      json.put(MEAN, scaling.mean());
      json.put(STD, scaling.std());
      json.put(QUANT, quantConv);
      json.put(POST_QUANT, postQuantConv);
      json.put(AutoencoderSettings.SIZE, sampleSize);
      json.put(AutoencoderSettings.FACTOR, scaling.factor());
      json.put(AutoencoderSettings.SHIFT, scaling.shift());
      json.put(AutoencoderSettings.FORCE_UPCAST, forceUpcast);
      return json;
    }

    /** The encoder; the result has means and then logarithms of variances. */
    FeatureMap encoded(Layers layers, FeatureMap x) {
      int out = 2 * blocks.latentChannels();
      FeatureMap h = blocks.encoded(layers, x, out);
      return quantConv ? AutoencoderBlocks.pointwise(layers, "quant_conv", h, out) : h;
    }

    FeatureMap decoded(Layers layers, FeatureMap z) {
      FeatureMap h =
          postQuantConv
              ? AutoencoderBlocks.pointwise(layers, "post_quant_conv", z, blocks.latentChannels())
              : z;
      return blocks.decoded(layers, h);
    }

    private Coders.Plan plan() {
      return new Coders.Plan(
          this::encoded,
          this::decoded,
          blocks.imageChannels(),
          blocks.latentChannels(),
          blocks.factor());
    }
  }

  /**
   * The normal distribution of latents, owned by the caller.
   *
   * @param mean {@code [n, latentChannels, height, width]}
   * @param logVariance the logarithm of the variance in [-30, 20], of the same shape
   */
  public record Moments(INDArray mean, INDArray logVariance) implements AutoCloseable {

    /** The two halves of an encoder's channels. */
    static Moments of(INDArray both) {
      float[] values = FloatArrays.of(both);
      long[] shape = both.shape().clone();
      shape[1] /= 2;
      int half = values.length / (int) (2 * shape[0]);
      float[] means = new float[values.length / 2];
      float[] logs = new float[values.length / 2];
      for (int i = 0; i < means.length; i++) {
        int at = i / half * 2 * half + i % half;
        means[i] = values[at];
        logs[i] = Math.max(LEAST_LOG, Math.min(MOST_LOG, values[at + half]));
      }
      return new Moments(FloatArrays.array(means, shape), FloatArrays.array(logs, shape));
    }

    /**
     * {@code mean + sqrt(variance) noise}.
     *
     * @param noise standard normal, of the shape of the mean
     * @return a new array
     */
    public INDArray sample(INDArray noise) {
      FloatArrays.requireShape("noise", noise, mean.shape());
      float[] values = FloatArrays.of(mean);
      float[] logs = FloatArrays.of(logVariance);
      float[] draws = FloatArrays.of(noise);
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) Math.exp(0.5f * logs[i]) * draws[i];
      }
      return FloatArrays.array(values, mean.shape());
    }

    /** The standard deviation, {@code sqrt(variance)}; a new array. */
    INDArray deviation() {
      float[] values = FloatArrays.of(logVariance);
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) Math.exp(0.5f * values[i]);
      }
      return FloatArrays.array(values, mean.shape());
    }

    /** Contains only the shapes. */
    @Override
    public String toString() {
      return "Moments[mean="
          + Shown.array(mean)
          + ", logVariance="
          + Shown.array(logVariance)
          + "]";
    }

    /** Frees both arrays. */
    @Override
    public void close() {
      mean.close();
      logVariance.close();
    }
  }

  private final Config config;
  private final Coders coders;

  private AutoencoderKL(Config config, Coders coders) {
    this.config = config;
    this.coders = coders;
  }

  /**
   * An autoencoder with random weights.
   *
   * @param config the architecture
   * @param seed seed of the weights
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  public static AutoencoderKL create(Config config, long seed) {
    return new AutoencoderKL(config, Coders.create(config.plan(), seed));
  }

  /**
   * Reads a directory with a {@code config.json} and the weights.
   *
   * @param directory written here or by diffusers
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static AutoencoderKL load(Path directory) throws IOException {
    return AutoencoderFiles.load(
        directory,
        CLASS_NAME,
        Config::fromJson,
        config -> new AutoencoderKL(config, Coders.load(config.plan(), Map.of(), directory)));
  }

  /**
   * Reads an autoencoder that only runs: its weights are held in the layout of the kernels alone,
   * and cannot be read, changed or saved. Its files stay open until it is closed.
   *
   * @param directory written here or by diffusers
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static AutoencoderKL loadFrozen(Path directory) throws IOException {
    return AutoencoderFiles.load(
        directory,
        CLASS_NAME,
        Config::fromJson,
        config -> new AutoencoderKL(config, Coders.loadFrozen(config.plan(), directory)));
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
    return config.blocks.imageChannels();
  }

  @Override
  public int latentChannels() {
    return config.blocks.latentChannels();
  }

  @Override
  public int factor() {
    return config.blocks.factor();
  }

  @Override
  public LatentScaling scaling() {
    return config.scaling;
  }

  /** {@inheritDoc} It is the sample size of the configuration. */
  @Override
  public int tileSize() {
    return config.sampleSize;
  }

  /** {@inheritDoc} Tiles overlap by a quarter. */
  @Override
  public Autoencoder tiled() {
    return new TiledAutoencoder(this);
  }

  /**
   * The weights by name, read-only. Dense weights are {@code [in, out]}, convolutions {@code
   * [height, width, in, out]}.
   */
  public Map<String, INDArray> weights() {
    return coders.weights();
  }

  /**
   * The distribution of the latents of images.
   *
   * @param images FLOAT {@code [n, channels, height, width]}, values in [-1, 1]
   */
  public Moments moments(INDArray images) {
    requireImages(images);
    try (INDArray both = coders.encode(images)) {
      return Moments.of(both);
    }
  }

  void requireImages(INDArray images) {
    FloatArrays.require("images", images, imageChannels(), factor());
  }

  void requireLatents(INDArray latents) {
    FloatArrays.require("latents", latents, latentChannels(), 1);
  }

  /** Means and logarithms of variances, without checks. */
  INDArray encodeUnchecked(INDArray images) {
    return coders.encode(images);
  }

  @Override
  public INDArray encode(INDArray images) {
    Moments moments = moments(images);
    moments.logVariance.close();
    return moments.mean;
  }

  @Override
  public INDArray encode(INDArray images, INDArray noise) {
    requireImages(images);
    long[] latent = latentShape((int) images.size(2), (int) images.size(3));
    FloatArrays.requireShape("noise", noise, images.size(0), latent[0], latent[1], latent[2]);
    try (Moments moments = moments(images)) {
      return moments.sample(noise);
    }
  }

  @Override
  public INDArray decode(INDArray latents) {
    requireLatents(latents);
    return coders.decode(latents);
  }

  /** The shapes of the weights by name. */
  Map<String, long[]> weightShapes() {
    return config.plan().shapes();
  }

  /** A copy of each weight, owned by the caller. */
  Map<String, INDArray> copyWeights() {
    return coders.copyWeights();
  }

  /** Replaces the weights by others of the same names and shapes. */
  void assign(Map<String, INDArray> weights) {
    coders.assign(weights);
  }

  @Override
  public void close() {
    coders.close();
  }

  @Override
  public String toString() {
    return CLASS_NAME + "[" + config.blocks + ", " + config.scaling + "]";
  }
}
