package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Layers;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An autoencoder whose latents are replaced by the nearest vectors of a codebook before decoding
 * (van den Oord et al. 2017; Esser et al. 2021), with the structure and the names of diffusers'
 * class.
 */
public final class VQModel implements Autoencoder {

  static final String CLASS_NAME = "VQModel";

  private static final String CODEBOOK = "quantize.embedding.weight";

  /**
   * The architecture. Immutable.
   *
   * @param blocks of the encoder and the decoder
   * @param sampleSize height and width of the training images
   * @param codes number of vectors in the codebook
   * @param codeChannels their length, the number of channels of latents, or null for that of the
   *     blocks
   * @param scaling factor of latents for a diffusion model
   * @param forceUpcast whether the weights are not meant for 16-bit arithmetic; has no effect here
   */
  public record Config(
      AutoencoderBlocks blocks,
      int sampleSize,
      int codes,
      @Nullable Integer codeChannels,
      double scaling,
      boolean forceUpcast) {

    private static final String CODES = "num_vq_embeddings";
    private static final String CODE_CHANNELS = "vq_embed_dim";
    private static final String LOOKUP = "lookup_from_codebook";
    private static final String NORM = "norm_type";

    /**
     * @throws IllegalArgumentException if a number is not positive and finite
     */
    public Config {
      AutoencoderBlocks.requirePositive("sample size", sampleSize);
      AutoencoderBlocks.requirePositive("codes", codes);
      if (codeChannels != null) {
        AutoencoderBlocks.requirePositive("code channels", codeChannels);
      }
      LatentScaling.requireFactor(scaling);
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
              CODES,
              CODE_CHANNELS,
              LOOKUP,
              NORM,
              AutoencoderSettings.SIZE,
              AutoencoderSettings.FACTOR,
              AutoencoderSettings.FORCE_UPCAST));
      AutoencoderSettings settings = new AutoencoderSettings(json, known, warnings);
      settings.require(LOOKUP, false);
      settings.require(NORM, "group");
      return new Config(
          settings.blocks(),
          settings.size(32),
          settings.integer(CODES, 256),
          settings.integerOrNull(CODE_CHANNELS),
          settings.number(AutoencoderSettings.FACTOR, 0.18215),
          settings.flag(AutoencoderSettings.FORCE_UPCAST, false));
    }

    /** The settings with the names of {@code config.json}. */
    public Map<String, @Nullable Object> toJson() {
      Map<String, @Nullable Object> json = new TreeMap<>();
      AutoencoderSettings.write(blocks, json);
      json.put(CODES, codes);
      json.put(CODE_CHANNELS, codeChannels);
      json.put(LOOKUP, false);
      json.put(NORM, "group");
      json.put(AutoencoderSettings.SIZE, sampleSize);
      json.put(AutoencoderSettings.FACTOR, scaling);
      json.put(AutoencoderSettings.FORCE_UPCAST, forceUpcast);
      return json;
    }

    int latentChannels() {
      return codeChannels == null ? blocks.latentChannels() : codeChannels;
    }

    private FeatureMap encoded(Layers layers, FeatureMap x) {
      FeatureMap h = blocks.encoded(layers, x, blocks.latentChannels());
      return AutoencoderBlocks.pointwise(layers, "quant_conv", h, latentChannels());
    }

    private FeatureMap decoded(Layers layers, FeatureMap z) {
      return blocks.decoded(
          layers,
          AutoencoderBlocks.pointwise(layers, "post_quant_conv", z, blocks.latentChannels()));
    }

    private Coders.Plan plan() {
      return new Coders.Plan(
          this::encoded, this::decoded, blocks.imageChannels(), latentChannels(), blocks.factor());
    }
  }

  private final Config config;
  private final Coders coders;
  private final Codebook codebook;

  private VQModel(Config config, Coders coders, Codebook codebook) {
    this.config = config;
    this.coders = coders;
    this.codebook = codebook;
  }

  /**
   * Reads a directory with a {@code config.json} and the weights.
   *
   * @param directory written here or by diffusers
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static VQModel load(Path directory) throws IOException {
    return AutoencoderFiles.load(
        directory,
        CLASS_NAME,
        Config::fromJson,
        config -> {
          Map<String, long[]> table =
              Map.of(CODEBOOK, new long[] {config.codes, config.latentChannels()});
          Coders coders = Coders.load(config.plan(), table, directory);
          return new VQModel(
              config, coders, new Codebook(Objects.requireNonNull(coders.weights().get(CODEBOOK))));
        });
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
    return config.latentChannels();
  }

  @Override
  public int factor() {
    return config.blocks.factor();
  }

  @Override
  public LatentScaling scaling() {
    return LatentScaling.of(config.scaling);
  }

  /** {@inheritDoc} They are not vectors of the codebook yet. */
  @Override
  public INDArray encode(INDArray images) {
    FloatArrays.require("images", images, imageChannels(), factor());
    return coders.encode(images);
  }

  /**
   * The nearest vector of the codebook for each pixel.
   *
   * @param latents FLOAT {@code [n, latentChannels, height, width]}
   * @return of the same shape
   */
  public INDArray quantize(INDArray latents) {
    requireLatents(latents);
    return codebook.quantize(latents);
  }

  /**
   * The numbers of the nearest vectors of the codebook, sample by sample and row by row.
   *
   * @param latents FLOAT {@code [n, latentChannels, height, width]}
   */
  public int[] indices(INDArray latents) {
    requireLatents(latents);
    return codebook.indices(latents);
  }

  private void requireLatents(INDArray latents) {
    FloatArrays.require("latents", latents, latentChannels(), 1);
  }

  /** {@inheritDoc} They are replaced by the nearest vectors of the codebook first. */
  @Override
  public INDArray decode(INDArray latents) {
    try (INDArray quantized = quantize(latents)) {
      return coders.decode(quantized);
    }
  }

  /** The images of latents that are taken as they are. */
  public INDArray decodeWithoutCodebook(INDArray latents) {
    requireLatents(latents);
    return coders.decode(latents);
  }

  @Override
  public void close() {
    coders.close();
  }

  @Override
  public String toString() {
    return CLASS_NAME + "[" + config.blocks + ", " + config.codes + " codes]";
  }
}
