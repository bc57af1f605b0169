package org.diffusion4j.unet;

import com.google.common.base.Suppliers;
import com.google.common.math.IntMath;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.internal.nn.Frozen;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.internal.nn.unet.ConditionalUNet;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.LabelEmbedding;
import org.diffusion4j.internal.nn.unet.ConditionalUNetGraph;
import org.diffusion4j.internal.nn.unet.ConditionalUNetSettings;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The U-Net of Latent Diffusion (Rombach et al. 2022) and Stable Diffusion, which attends to text
 * embeddings, with the structure and the names of diffusers' {@code UNet2DConditionModel}.
 *
 * <p>Its conditions: {@link Condition.Embeddings} of {@link Config#tokens} tokens; {@link
 * Condition.Pictures}, if its input has more channels than its output; class labels, if the network
 * embeds them; and {@link Condition.Inputs}, if it has any of these inputs:
 *
 * <table>
 * <caption>Further inputs</caption>
 * <tr><th>name<th>shape<th>contents
 * <tr><td>{@code time_ids}<td>{@code [n, 6]}<td>original height and width, top and left of the cut,
 *     target height and width (Stable Diffusion XL, Podell et al. 2023)
 * <tr><td>{@code timestep_cond}<td>{@code [n, width]}<td>the embedded guidance scale (Latent
 *     Consistency Models, Luo et al. 2023)
 * <tr><td>{@code class_labels}<td>{@code [n, width]}<td>labels, if they are vectors
 * <tr><td>{@code down_residual.k}, {@code mid_residual}<td>those of the skip connections, in the
 *     order of the way down, and of the middle<td>what is added there (ControlNet, Zhang et al.
 *     2023)
 * </table>
 *
 * <p>A graph has a fixed height, width and number of tokens. {@link #resized} gives a network with
 * the same weights for others.
 */
public final class UNet2DConditionModel extends SameDiffDenoiser {

  /** The random frequencies of a Fourier embedding, which are not trained. */
  private static final Set<String> FROZEN = Set.of("time_proj.weight");

  private final Config config;

  private UNet2DConditionModel(
      Config config, Layers layers, NoiseSchedule schedule, Prediction prediction, boolean owns) {
    super(
        graph(config.net, layers),
        new long[] {config.net.sampleChannels(), config.net.height(), config.net.width()},
        schedule,
        prediction,
        new GraphTraits(
            FROZEN,
            config.net.labels().nullClass(),
            config.net.labels().embedding().isVector(),
            config.net.style().dropout(),
            owns));
    this.config = config;
  }

  private static SameDiff graph(ConditionalUNet net, Layers layers) {
    ConditionalUNetGraph.build(layers, net);
    return layers.sd;
  }

  /**
   * A network with random weights.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @param seed seed of the weights
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  public static UNet2DConditionModel create(
      Config config, NoiseSchedule schedule, Prediction prediction, long seed) {
    WeightShapes.requireMemory(config.weightShapes());
    return new UNet2DConditionModel(config, new Layers(seed), schedule, prediction, true);
  }

  /**
   * A network for other sizes and another number of tokens, with the arrays of this one's weights.
   * It must be closed, too, and must not be used after this is closed or while weights change;
   * after a change call its {@link #weightsChanged}.
   *
   * @param height of the samples
   * @param width of the samples
   * @param tokens the number of text embeddings of a sample
   * @throws IllegalArgumentException if the sizes do not fit the levels
   */
  public UNet2DConditionModel resized(int height, int width, int tokens) {
    return sharing(config.withSize(height, width).withTokens(tokens));
  }

  /**
   * A network with the arrays of this one's weights, like {@link #resized}.
   *
   * @param other an architecture with the same weights, which may have other sizes and inputs
   * @throws IllegalArgumentException if weights would have other names or shapes
   */
  public UNet2DConditionModel sharing(Config other) {
    runner().requireOpen();
    requireSameWeights(other);
    WeightSource frozen = runner().frozen();
    UNet2DConditionModel model =
        frozen == null
            ? of(other, Layers.sharing(weights()), false)
            : Frozen.build(Frozen.borrowed(frozen), () -> of(other, new Layers(0), true));
    model.setScheduler(scheduler());
    return model;
  }

  private UNet2DConditionModel of(Config other, Layers layers, boolean owns) {
    return new UNet2DConditionModel(other, layers, schedule(), prediction(), owns);
  }

  private void requireSameWeights(Config other) {
    Map<String, long[]> mine = config.weightShapes();
    Map<String, long[]> others = other.weightShapes();
    for (Map.Entry<String, long[]> weight : others.entrySet()) {
      long[] shape = mine.remove(weight.getKey());
      if (!Arrays.equals(shape, weight.getValue())) {
        throw new IllegalArgumentException(
            "architecture must have the same weights to share them but "
                + weight.getKey()
                + " is "
                + Arrays.toString(weight.getValue())
                + ", not "
                + Arrays.toString(shape));
      }
    }
    if (!mine.isEmpty()) {
      throw new IllegalArgumentException(
          "architecture must have the same weights to share them but lacks "
              + mine.keySet().iterator().next());
    }
  }

  @Override
  public Config config() {
    return config;
  }

  /** Whether the output has twice as many channels as a sample. */
  @Override
  public boolean learnsVariance() {
    return config.net.outChannels() == 2L * config.net.sampleChannels();
  }

  @Override
  public long[] outputShape() {
    return new long[] {config.net.outChannels(), config.net.height(), config.net.width()};
  }

  private boolean labelsAreTimesteps() {
    return config.net.labels().embedding() == LabelEmbedding.TIMESTEP;
  }

  /** {@inheritDoc} Labels that are embedded as timesteps may be any number of at least 0. */
  @Override
  public Condition.Takes takes() {
    Condition.Takes takes = super.takes();
    return labelsAreTimesteps()
        ? new Condition.Takes(
            Condition.Takes.ANY,
            hasNullClass(),
            takes.embeddingWidth(),
            takes.pictureChannels(),
            takes.inputs())
        : takes;
  }

  @Override
  int encodedWidth() {
    return labelsAreTimesteps() ? 1 : super.encodedWidth();
  }

  @Override
  INDArray encode(int[] labels) {
    if (!labelsAreTimesteps()) {
      return super.encode(labels);
    }
    float[] timesteps = new float[labels.length];
    for (int i = 0; i < labels.length; i++) {
      timesteps[i] = labels[i];
    }
    return Nd4j.create(timesteps, new long[] {labels.length, 1}, 'c');
  }

  /**
   * The architecture: the settings of diffusers' {@code UNet2DConditionModel} by name. Immutable;
   * each {@code with...} copies.
   */
  public static final class Config implements NetworkConfig {

    private final Map<String, @Nullable Object> settings;
    private final ConditionalUNet net;
    private final Supplier<Map<String, long[]>> shapes;

    private Config(Map<String, ? extends @Nullable Object> given, Consumer<String> warnings) {
      settings = ConditionalUNetSettings.complete(given, warnings);
      net = ConditionalUNet.of(settings);
      shapes = Suppliers.memoize(net::weightShapes);
    }

    /**
     * A network as in Stable Diffusion 1: cross-attention with 8 heads at every level but the last,
     * and in the middle, and normalisations with 32 groups; or as many of them as divide the
     * channels of every level.
     *
     * @param channels of a sample
     * @param height of a sample
     * @param width of a sample
     * @param textWidth width of the text embeddings
     * @param blockOutChannels channels of each level, from the full resolution down; the first is
     *     even
     * @throws IllegalArgumentException if these do not fit together
     */
    public static Config of(
        int channels, int height, int width, int textWidth, Integer... blockOutChannels) {
      Map<String, @Nullable Object> given = new TreeMap<>();
      given.put("in_channels", channels);
      given.put("out_channels", channels);
      given.put("sample_size", size(height, width));
      given.put("cross_attention_dim", textWidth);
      given.put("block_out_channels", List.of(blockOutChannels));
      given.putAll(levels(blockOutChannels.length, 0, blockOutChannels.length - 1));
      given.put("attention_head_dim", divisor(8, blockOutChannels));
      given.put("norm_num_groups", divisor(32, blockOutChannels));
      return new Config(given, unknown -> {});
    }

    private static int divisor(int most, Integer... channels) {
      return Arrays.stream(channels).reduce(most, (a, b) -> IntMath.gcd(a, Math.abs(b)));
    }

    /** The kinds of the levels: those in [from, to) have cross-attention. */
    private static Map<String, List<String>> levels(int count, int from, int to) {
      String[] down = new String[count];
      String[] up = new String[count];
      for (int i = 0; i < count; i++) {
        String cross = i >= from && i < to ? "CrossAttn" : "";
        down[i] = cross + "DownBlock2D";
        up[count - 1 - i] = cross + "UpBlock2D";
      }
      return Map.of("down_block_types", List.of(down), "up_block_types", List.of(up));
    }

    /**
     * A copy with another setting.
     *
     * @param setting one of diffusers' names
     * @param value a string, a boolean, a number, a list of these, or null
     * @throws IllegalArgumentException if there is no such setting, or if the value is not
     *     supported or contradicts another setting
     */
    public Config with(String setting, @Nullable Object value) {
      Map<String, @Nullable Object> changed = new TreeMap<>(settings);
      changed.put(setting, value);
      return new Config(
          changed,
          message -> {
            throw new IllegalArgumentException(message);
          });
    }

    /** A copy for samples of another size. */
    public Config withSize(int height, int width) {
      return with("sample_size", size(height, width));
    }

    private static Object size(int height, int width) {
      return height == width ? (Object) height : List.of(height, width);
    }

    /** A copy for another number of text embeddings; the default is 77. */
    public Config withTokens(int tokens) {
      return with(ConditionalUNetSettings.TOKENS, tokens);
    }

    /** A copy whose text embeddings have a mask: {@link Condition.Embeddings#mask}. */
    public Config withTokenMask(boolean masked) {
      return with(ConditionalUNetSettings.TOKEN_MASK, masked);
    }

    /** A copy that gets ControlNet's outputs as {@link Condition.Inputs}. */
    public Config withResiduals(boolean residuals) {
      return with(ConditionalUNetSettings.RESIDUALS, residuals);
    }

    /** A copy with cross-attention at the levels {@code from} to {@code to - 1} only. */
    public Config withCrossAttention(int from, int to) {
      Map<String, @Nullable Object> changed = new TreeMap<>(settings);
      changed.putAll(levels(net.levels().size(), from, to));
      return new Config(changed, unknown -> {});
    }

    /** A copy with this number of residual blocks of a level. */
    public Config withLayersPerBlock(int layers) {
      return with("layers_per_block", layers);
    }

    /** A copy with this number of attention heads at every level. */
    public Config withHeads(int heads) {
      return with("attention_head_dim", heads); // diffusers' name for it.
    }

    /** A copy with this number of groups in each normalisation. */
    public Config withNormGroups(int groups) {
      return with("norm_num_groups", groups);
    }

    /** A copy with this probability of dropout in training. */
    public Config withDropout(double probability) {
      return with("dropout", probability);
    }

    /**
     * Channels of a sample, and of the pictures that a network gets with it if its input has more
     * channels than its output: mask and known part of an inpainting model, for example.
     */
    public int inChannels() {
      return net.inChannels();
    }

    /** Channels of the output. */
    public int outChannels() {
      return net.outChannels();
    }

    /** Height of a sample. */
    public int height() {
      return net.height();
    }

    /** Width of a sample. */
    public int width() {
      return net.width();
    }

    /** The number of text embeddings of a sample. */
    public int tokens() {
      return net.text().tokens();
    }

    /** The width of the text embeddings. */
    public int textWidth() {
      return net.text().width();
    }

    /**
     * Reads the result of {@link #toJson} or of diffusers. Missing settings have diffusers'
     * defaults.
     *
     * @param json settings by name
     * @param warnings receives a message about unknown settings, which are ignored
     * @throws IllegalArgumentException if a setting is not supported or contradicts another
     */
    public static Config fromJson(
        Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
      return new Config(json, warnings);
    }

    @Override
    public Map<String, @Nullable Object> toJson() {
      return settings;
    }

    /** {@inheritDoc} They are those of a graph that is built without arrays. */
    @Override
    public Map<String, long[]> weightShapes() {
      Map<String, long[]> copy = new LinkedHashMap<>();
      shapes.get().forEach((name, shape) -> copy.put(name, shape.clone()));
      return copy;
    }

    @Override
    public UNet2DConditionModel create(NoiseSchedule schedule, Prediction prediction, long seed) {
      return UNet2DConditionModel.create(this, schedule, prediction, seed);
    }

    @Override
    public UNet2DConditionModel create(SchedulerConfig scheduler, long seed) {
      return (UNet2DConditionModel) NetworkConfig.super.create(scheduler, seed);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Config that && settings.equals(that.settings);
    }

    @Override
    public int hashCode() {
      return settings.hashCode();
    }

    @Override
    public String toString() {
      return "UNet2DConditionModel.Config" + settings;
    }
  }
}
