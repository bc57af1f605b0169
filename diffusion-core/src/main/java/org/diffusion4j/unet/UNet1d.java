package org.diffusion4j.unet;

import com.google.common.math.IntMath;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.JsonSettings;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.unet.UNetConfig.Attention;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Blocks;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Classes;
import org.diffusion4j.unet.UNetConfig.Norm;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.Time;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.jspecify.annotations.Nullable;

/**
 * A U-Net for time series, sound and other samples {@code [channels, length]}: the residual blocks
 * and the attention of {@link UNet}, with convolutions along one dimension.
 *
 * <pre>{@code
 * var config = UNet1d.Config.of(1, 64, 32, 64);
 * var model = UNet1d.create(config, NoiseSchedule.cosine(1000), Prediction.VELOCITY, 42);
 * }</pre>
 */
public final class UNet1d extends SameDiffDenoiser {

  private final Config config;

  private UNet1d(Config config, NoiseSchedule schedule, Prediction prediction, long seed) {
    super(
        UNetGraph.build(config.parts(), new Layers(Grid.LINE, seed)),
        new long[] {config.channels(), config.length()},
        schedule,
        prediction,
        GraphTraits.of(Set.of(), config.nullClass(), config.dropout()));
    this.config = config;
  }

  /**
   * A U-Net with random weights that predicts the noise.
   *
   * @param config the architecture
   * @param schedule what the timesteps refer to
   * @param seed of the weights
   */
  public static UNet1d create(Config config, NoiseSchedule schedule, long seed) {
    return create(config, schedule, Prediction.EPSILON, seed);
  }

  /**
   * A U-Net with random weights.
   *
   * @param config the architecture
   * @param schedule what the timesteps refer to
   * @param prediction what the output stands for
   * @param seed of the weights
   * @throws IllegalArgumentException if memory cannot hold the weights; nothing is allocated then
   */
  public static UNet1d create(
      Config config, NoiseSchedule schedule, Prediction prediction, long seed) {
    WeightShapes.requireMemory(config.weightShapes());
    return new UNet1d(config, schedule, prediction, seed);
  }

  @Override
  public Config config() {
    return config;
  }

  /**
   * The architecture of a {@link UNet1d}. Immutable; each {@code with...} copies.
   *
   * @param channels of a sample, in [1, 65536]
   * @param length of a sample, at most 2^20; each level but the last halves it
   * @param blockOutChannels channels of each level, from the full length down; the first is even
   * @param layersPerBlock residual blocks of a level on the way down, in [1, 64]; on the way up it
   *     has one more
   * @param normGroups groups of the normalisations; they divide the channels of every level
   * @param attentionLevels how many levels, counted from the shortest, have self-attention after
   *     each residual block; with at least one there is attention in the middle, too
   * @param classes number of classes, without the null class; 0 for an unconditional model
   * @param nullClass whether samples without a label have an embedding of their own, which
   *     classifier-free guidance needs (Ho and Salimans 2022)
   * @param dropout probability with which training drops an activation, in [0, 1)
   */
  public record Config(
      int channels,
      int length,
      List<Integer> blockOutChannels,
      int layersPerBlock,
      int normGroups,
      int attentionLevels,
      int classes,
      boolean nullClass,
      double dropout)
      implements NetworkConfig {

    private static final String CHANNELS = "channels";
    private static final String LENGTH = "length";
    private static final String BLOCKS = "block_out_channels";
    private static final String LAYERS = "layers_per_block";
    private static final String GROUPS = "norm_num_groups";
    private static final String ATTENTION = "attention_levels";
    private static final String CLASSES = "num_classes";
    private static final String NULL_CLASS = "null_class";
    private static final String DROPOUT = "dropout";

    private static final double EPS = 1e-5;

    /**
     * @throws IllegalArgumentException if a value is out of range or contradicts another
     */
    public Config {
      blockOutChannels = List.copyOf(blockOutChannels);
      UNetRules.requireChannels("channels", channels);
      UNetRules.require(
          classes >= 0 && classes < Integer.MAX_VALUE,
          "classes must be in [0, 2^31 - 2] but were " + classes);
      UNetRules.require(
          classes > 0 || !nullClass, "a null class must have classes beside it but there are 0");
      UNetRules.require(
          dropout >= 0 && dropout < 1, "dropout must be in [0, 1) but was " + dropout);
      Blocks blocks = blocks(blockOutChannels, layersPerBlock, attentionLevels);
      int levels = blocks.levels();
      UNetRules.require(
          attentionLevels >= 0 && attentionLevels <= levels,
          "attention levels must be in [0, " + levels + "] but were " + attentionLevels);
      UNetRules.checkLength(length, levels);
      UNetRules.checkGroupsAndHeads(
          blocks, new Norm(OptionalInt.of(normGroups), EPS), attention(attentionLevels > 0));
      UNetRules.checkFrequencies(blocks.first(), 0);
    }

    /**
     * An unconditional network of two residual blocks a level, with attention at the shortest
     * level. The normalisations have 8 groups, or as many of them as divide the channels of every
     * level.
     *
     * @param channels of a sample, at least 1
     * @param length of a sample; a multiple of 2^(levels - 1)
     * @param blockOutChannels channels of each level, from the full length down; the first is even
     */
    public static Config of(int channels, int length, Integer... blockOutChannels) {
      List<Integer> levels = List.of(blockOutChannels);
      int groups = levels.stream().reduce(8, (a, b) -> IntMath.gcd(a, Math.abs(b)));
      return new Config(channels, length, levels, 2, groups, 1, 0, false, 0);
    }

    /** A copy with this number of residual blocks a level. */
    public Config withLayersPerBlock(int layers) {
      return with(layers, normGroups, attentionLevels, dropout);
    }

    /** A copy with this number of groups in each normalisation. */
    public Config withNormGroups(int groups) {
      return with(layersPerBlock, groups, attentionLevels, dropout);
    }

    /** A copy with attention at this number of levels, counted from the shortest. */
    public Config withAttentionLevels(int levels) {
      return with(layersPerBlock, normGroups, levels, dropout);
    }

    /** A copy with this probability of dropout. */
    public Config withDropout(double probability) {
      return with(layersPerBlock, normGroups, attentionLevels, probability);
    }

    private Config with(int layers, int groups, int attention, double drop) {
      return new Config(
          channels, length, blockOutChannels, layers, groups, attention, classes, nullClass, drop);
    }

    /**
     * A class-conditional copy.
     *
     * @param count number of classes, at least 1
     * @param unlabelled whether there is a null class, for samples without a label
     */
    public Config withClasses(int count, boolean unlabelled) {
      return new Config(
          channels,
          length,
          blockOutChannels,
          layersPerBlock,
          normGroups,
          attentionLevels,
          count,
          unlabelled,
          dropout);
    }

    private static Blocks blocks(List<Integer> channels, int layers, int attentionLevels) {
      int levels = channels.size();
      List<Block> down =
          IntStream.range(0, levels)
              .mapToObj(i -> i < levels - attentionLevels ? Block.PLAIN : Block.ATTENTION)
              .toList();
      return new Blocks(
          channels,
          down,
          UNetConfig.Builder.mirror(down),
          layers,
          1,
          Resampling.CONV,
          Resampling.CONV,
          1);
    }

    private static Attention attention(boolean any) {
      return new Attention(OptionalInt.empty(), OptionalInt.empty(), any);
    }

    UNetParts parts() {
      return new UNetParts(
          Grid.LINE,
          channels,
          0,
          channels,
          1,
          length,
          blocks(blockOutChannels, layersPerBlock, attentionLevels),
          new Norm(OptionalInt.of(normGroups), EPS),
          attention(attentionLevels > 0),
          new Time(
              TimeEmbedding.POSITIONAL,
              OptionalInt.empty(),
              TimeInjection.ADD,
              true,
              0,
              OptionalInt.empty()),
          classes == 0
              ? new Classes(ClassEmbedding.NONE, OptionalInt.empty(), false)
              : new Classes(ClassEmbedding.TABLE, OptionalInt.of(classes), nullClass),
          ActivationFunction.SILU,
          false,
          dropout);
    }

    /**
     * Reads what {@link #toJson} wrote. All settings must be there.
     *
     * @param json settings by name
     * @param warnings is told of settings that are unknown and ignored
     * @throws IllegalArgumentException if a setting is missing, of another type or out of range
     */
    public static Config fromJson(
        Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
      JsonSettings settings = new JsonSettings(json);
      settings.warnOfUnknown(
          Set.of(CHANNELS, LENGTH, BLOCKS, LAYERS, GROUPS, ATTENTION, CLASSES, NULL_CLASS, DROPOUT),
          warnings);
      return new Config(
          settings.integer(CHANNELS),
          settings.integer(LENGTH),
          List.of(settings.integers(BLOCKS)),
          settings.integer(LAYERS),
          settings.integer(GROUPS),
          settings.integer(ATTENTION),
          settings.integer(CLASSES),
          settings.flag(NULL_CLASS),
          settings.number(DROPOUT));
    }

    @Override
    public Map<String, @Nullable Object> toJson() {
      Map<String, @Nullable Object> json = new TreeMap<>();
      json.put(CHANNELS, channels);
      json.put(LENGTH, length);
      json.put(BLOCKS, blockOutChannels);
      json.put(LAYERS, layersPerBlock);
      json.put(GROUPS, normGroups);
      json.put(ATTENTION, attentionLevels);
      json.put(CLASSES, classes);
      json.put(NULL_CLASS, nullClass);
      json.put(DROPOUT, dropout);
      return Collections.unmodifiableMap(json);
    }

    @Override
    public Map<String, long[]> weightShapes() {
      return UNetShapes.of(parts());
    }

    @Override
    public UNet1d create(NoiseSchedule schedule, Prediction prediction, long seed) {
      return UNet1d.create(this, schedule, prediction, seed);
    }
  }
}
