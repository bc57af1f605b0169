package org.diffusion4j.unet;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.jspecify.annotations.Nullable;

/**
 * The architecture of a {@link UNet}, with the names and the defaults of diffusers' {@code
 * UNet2DModel}. Immutable.
 *
 * <p>If the input has more channels than the output, the further ones are those of {@link
 * org.diffusion4j.Condition.Pictures} behind the samples' (SR3, Saharia et al. 2021, section 2.2).
 *
 * @param inChannels channels of the input: those of a sample, and of the pictures
 * @param outChannels channels of the output
 * @param height of the images in pixels
 * @param width of the images in pixels
 * @param blocks the levels and their blocks
 * @param norm the group normalisations
 * @param attention the self-attention
 * @param time the time embedding
 * @param classes the class embedding
 * @param activation the function between the layers of residual blocks
 * @param centerInput whether inputs x in [0, 1] are first mapped to 2 x - 1
 * @param dropout the probability of dropout in training, in [0, 1)
 */
public record UNetConfig(
    int inChannels,
    int outChannels,
    int height,
    int width,
    Blocks blocks,
    Norm norm,
    Attention attention,
    Time time,
    Classes classes,
    Activation activation,
    boolean centerInput,
    double dropout)
    implements NetworkConfig {

  /** A level on the way down or, mirrored, up. */
  public enum Block {
    /** Residual blocks. */
    PLAIN("DownBlock2D", "UpBlock2D"),
    /** Residual blocks, each followed by self-attention. */
    ATTENTION("AttnDownBlock2D", "AttnUpBlock2D"),
    /** Residual blocks, and another residual block that changes the resolution. */
    RESNET("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D"),
    /**
     * A level of score SDE's network (NCSN++, Song et al. 2021, appendix H): residual blocks whose
     * outputs are divided by sqrt(2), one of which changes the resolution with a filter. On the way
     * down it adds the input picture at its resolution, on the way up it adds a picture to the
     * output. The input, or the output, has 3 channels.
     */
    SKIP("SkipDownBlock2D", "SkipUpBlock2D"),
    /**
     * The same with self-attention: after each residual block on the way down, once on the way up.
     */
    ATTENTION_SKIP("AttnSkipDownBlock2D", "AttnSkipUpBlock2D");

    private final String down;
    private final String up;

    Block(String down, String up) {
      this.down = down;
      this.up = up;
    }

    boolean attends() {
      return this == ATTENTION || this == ATTENTION_SKIP;
    }

    boolean skips() {
      return this == SKIP || this == ATTENTION_SKIP;
    }

    /** The divisor of the outputs of residual blocks and attention. */
    double divisor() {
      return skips() ? Math.sqrt(2) : 1;
    }

    /** The name of diffusers' class on the way down. */
    public String downName() {
      return down;
    }

    /** The name of diffusers' class on the way up. */
    public String upName() {
      return up;
    }
  }

  /** How an {@link Block#ATTENTION} level changes the resolution. */
  public enum Resampling {
    /** A strided convolution down; nearest-neighbour upsampling and a convolution up. */
    CONV,
    /** A residual block with average pooling down, or nearest-neighbour upsampling up. */
    RESNET
  }

  /** How a timestep is embedded. */
  public enum TimeEmbedding {
    /** Sines and cosines of geometric frequencies (Vaswani et al. 2017). */
    POSITIONAL,
    /**
     * Sines and cosines of random frequencies of log t (Song et al. 2021); divides the output by t.
     */
    FOURIER,
    /** A learned table with a row for each timestep. */
    LEARNED
  }

  /** How a residual block uses the embedded timestep. */
  public enum TimeInjection {
    /** Adds it to the activations. */
    ADD,
    /** Scales and shifts the normalised activations (Nichol and Dhariwal 2021). */
    SCALE_SHIFT
  }

  /** How a class label is embedded. */
  public enum ClassEmbedding {
    /** The model is unconditional. */
    NONE,
    /** A row of a learned table. */
    TABLE,
    /** Like a timestep. */
    TIMESTEP
  }

  /**
   * The function between the layers of residual blocks. The embedding of a timestep and the output
   * have SiLU whatever it is.
   */
  public enum Activation {
    /** {@code x sigmoid(x)} (Elfwing et al. 2018). */
    SILU(ActivationFunction.SILU),
    /** {@code x tanh(log(1 + exp(x)))} (Misra 2019). */
    MISH(ActivationFunction.MISH),
    /** {@code x Phi(x)} with the exact normal distribution (Hendrycks and Gimpel 2016). */
    GELU(ActivationFunction.GELU),
    /** {@code max(x, 0)}. */
    RELU(ActivationFunction.RELU);

    final ActivationFunction function;

    Activation(ActivationFunction function) {
      this.function = function;
    }
  }

  /**
   * The levels and their blocks.
   *
   * @param channels channels of each level, from the full resolution down
   * @param down kinds of the levels on the way down, from the full resolution
   * @param up kinds of the levels on the way up, to the full resolution
   * @param layers number of residual blocks of a level on the way down; on the way up it has one
   *     more
   * @param downsamplePadding 1 pads every side before a strided convolution, 0 only the right and
   *     the bottom
   * @param downsampling how attention levels halve the resolution
   * @param upsampling how attention levels double the resolution
   * @param midScale the divisor of the outputs of the middle blocks
   */
  public record Blocks(
      List<Integer> channels,
      List<Block> down,
      List<Block> up,
      int layers,
      int downsamplePadding,
      Resampling downsampling,
      Resampling upsampling,
      double midScale) {

    public Blocks {
      channels = List.copyOf(channels);
      down = List.copyOf(down);
      up = List.copyOf(up);
      Objects.requireNonNull(downsampling, "downsampling");
      Objects.requireNonNull(upsampling, "upsampling");
      UNetRules.checkBlocks(channels, down, up, layers);
      UNetRules.require(
          downsamplePadding == 0 || downsamplePadding == 1,
          "downsample padding must be 0 or 1 but was " + downsamplePadding);
      UNetRules.require(
          midScale > 0 && midScale < Double.POSITIVE_INFINITY,
          "mid-block scale must be positive but was " + midScale);
    }

    /** The number of levels. */
    int levels() {
      return channels.size();
    }

    int first() {
      return channels.get(0);
    }

    int deepest() {
      return channels.get(channels.size() - 1);
    }
  }

  /**
   * The group normalisations.
   *
   * @param groups number of groups of each, except the middle attention's if that is set, and those
   *     of skip levels; empty for a quarter of the channels, at most 32, if all levels are skip
   *     levels
   * @param eps the number that is added to the variance
   */
  public record Norm(OptionalInt groups, double eps) {
    public Norm {
      groups.ifPresent(number -> UNetRules.requirePositive("norm groups", number));
      UNetRules.require(eps > 0, "norm epsilon must be positive but was " + eps);
    }
  }

  /**
   * The self-attention.
   *
   * @param headDim channels of a head; empty for one head
   * @param normGroups groups of the middle attention's normalisation; empty for diffusers' default
   * @param middle whether there is attention between the two middle residual blocks
   */
  public record Attention(OptionalInt headDim, OptionalInt normGroups, boolean middle) {
    public Attention {
      headDim.ifPresent(size -> UNetRules.requirePositive("attention head size", size));
      normGroups.ifPresent(groups -> UNetRules.requirePositive("attention norm groups", groups));
    }
  }

  /**
   * The time embedding.
   *
   * @param embedding how a timestep is embedded
   * @param dim width of the embedded timestep; empty for four times the first level's channels
   * @param injection how residual blocks use it
   * @param flipSinToCos whether cosines precede sines in a positional embedding
   * @param freqShift the number subtracted from the number of frequencies in the spacing of a
   *     positional embedding
   * @param trainTimesteps number of rows of a learned embedding
   */
  public record Time(
      TimeEmbedding embedding,
      OptionalInt dim,
      TimeInjection injection,
      boolean flipSinToCos,
      double freqShift,
      OptionalInt trainTimesteps) {

    public Time {
      Objects.requireNonNull(embedding, "time embedding");
      Objects.requireNonNull(injection, "time injection");
      dim.ifPresent(width -> UNetRules.requireChannels("time embedding channels", width));
      UNetRules.require(
          embedding != TimeEmbedding.LEARNED || trainTimesteps.orElse(0) > 0,
          "a learned time embedding needs the number of train timesteps but it was "
              + UNetRules.shown(trainTimesteps));
    }
  }

  /**
   * The class embedding.
   *
   * @param embedding how a label is embedded
   * @param count number of classes, without the null class; has no effect if labels are timesteps
   * @param nullClass whether the table has an additional last row for samples without a label
   */
  public record Classes(ClassEmbedding embedding, OptionalInt count, boolean nullClass) {

    public Classes {
      Objects.requireNonNull(embedding, "class embedding");
      UNetRules.require(
          embedding != ClassEmbedding.TABLE || count.orElse(0) > 0,
          "a class table needs a positive number of classes but it was " + UNetRules.shown(count));
      UNetRules.require(
          embedding != ClassEmbedding.NONE || count.isEmpty(),
          "classes must have a class embedding but it was NONE for "
              + UNetRules.shown(count)
              + " classes");
      UNetRules.require(
          !nullClass || embedding == ClassEmbedding.TABLE,
          "a null class must have a class table but the class embedding was " + embedding);
      UNetRules.require(
          !nullClass || count.orElse(0) < Integer.MAX_VALUE,
          "classes with a null class must be less than 2^31 - 1 but were "
              + UNetRules.shown(count));
    }

    /** The rows of the class table. */
    public OptionalInt rows() {
      return count.isEmpty() || !nullClass ? count : OptionalInt.of(count.getAsInt() + 1);
    }
  }

  /**
   * @throws IllegalArgumentException if settings contradict each other; the message names both
   */
  public UNetConfig {
    Objects.requireNonNull(activation, "activation");
    UNetRules.requireChannels("input channels", inChannels);
    UNetRules.requireChannels("output channels", outChannels);
    UNetRules.requirePositive("height", height);
    UNetRules.requirePositive("width", width);
    UNetRules.checkGroupsAndHeads(blocks, norm, attention);
    UNetRules.checkSkips(blocks, inChannels, outChannels);
    UNetRules.checkFrequencies(blocks.first(), time.freqShift());
    UNetRules.checkSize(height, width, blocks.levels());
    UNetRules.require(dropout >= 0 && dropout < 1, "dropout must be in [0, 1) but was " + dropout);
  }

  /** The channels of a sample. */
  public int sampleChannels() {
    return Math.min(inChannels, outChannels);
  }

  /** The channels of the pictures that the network gets with each sample; 0 for none. */
  public int pictureChannels() {
    return inChannels - sampleChannels();
  }

  /**
   * A builder of a configuration for images of one size.
   *
   * @param channels of a sample and of the output, at least 1
   * @param height in pixels; each level but the last halves it
   * @param width in pixels; each level but the last halves it
   */
  public static Builder builder(int channels, int height, int width) {
    return new Builder(channels, height, width);
  }

  /**
   * A builder with this configuration's settings. It sets the kinds of levels only if a level is
   * not {@link Block#PLAIN}, or if the way up does not mirror the way down.
   */
  public Builder toBuilder() {
    return new Builder(this);
  }

  /**
   * Reads the result of {@link #toJson} or of diffusers. Missing settings have diffusers' defaults.
   *
   * @param json settings by name
   * @param warnings receives a message about unknown settings, which are ignored
   * @throws IllegalArgumentException if a setting is not supported or contradicts another
   */
  public static UNetConfig fromJson(
      Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
    return UNetJson.read(json, warnings);
  }

  @Override
  public Map<String, @Nullable Object> toJson() {
    return UNetJson.write(this);
  }

  @Override
  public Map<String, long[]> weightShapes() {
    return UNetShapes.of(UNetParts.of(this));
  }

  @Override
  public UNet create(NoiseSchedule schedule, Prediction prediction, long seed) {
    return UNet.create(this, schedule, prediction, seed);
  }

  @Override
  public UNet create(SchedulerConfig scheduler, long seed) {
    return (UNet) NetworkConfig.super.create(scheduler, seed);
  }

  /**
   * Builds a {@link UNetConfig}. The order of calls has no effect; a second call of a method
   * replaces the first. The defaults are those of diffusers, with one exception: if only {@link
   * #blockOutChannels} sets the levels, none has attention.
   */
  public static final class Builder {

    private static final List<Integer> CHANNELS = List.of(224, 448, 672, 896);

    /** The kinds of the levels of {@link #CHANNELS}; the way up mirrors them. */
    static final List<Block> DOWN =
        List.of(Block.PLAIN, Block.ATTENTION, Block.ATTENTION, Block.ATTENTION);

    private final int inChannels;
    private final int height;
    private final int width;
    private int outChannels;
    private int pictureChannels;
    private @Nullable List<Integer> blockOutChannels;
    private @Nullable List<Block> downBlocks;
    private @Nullable List<Block> upBlocks;
    private int layersPerBlock = 2;
    private @Nullable Integer normGroups = 32;
    private double normEps = 1e-5;
    private @Nullable Integer attentionHeadDim = 8;
    private @Nullable Integer attentionNormGroups;
    private boolean midAttention = true;
    private double midBlockScale = 1;
    private int downsamplePadding = 1;
    private Resampling downsampling = Resampling.CONV;
    private Resampling upsampling = Resampling.CONV;
    private TimeEmbedding timeEmbedding = TimeEmbedding.POSITIONAL;
    private @Nullable Integer timeEmbeddingDim;
    private TimeInjection timeInjection = TimeInjection.ADD;
    private boolean flipSinToCos = true;
    private double freqShift;
    private @Nullable Integer trainTimesteps;
    private @Nullable ClassEmbedding classEmbedding;
    private @Nullable Integer classes;
    private boolean nullClass;
    private Activation activation = Activation.SILU;
    private boolean centerInput;
    private double dropout;

    private Builder(int channels, int height, int width) {
      this.inChannels = channels;
      this.outChannels = channels;
      this.height = height;
      this.width = width;
    }

    private Builder(UNetConfig c) {
      this(c.inChannels, c.height, c.width);
      outChannels = c.outChannels;
      blockOutChannels = c.blocks.channels;
      downBlocks = c.blocks.down.equals(plain(c.blocks.levels())) ? null : c.blocks.down;
      upBlocks = c.blocks.up.equals(mirror(c.blocks.down)) ? null : c.blocks.up;
      layersPerBlock = c.blocks.layers;
      downsamplePadding = c.blocks.downsamplePadding;
      downsampling = c.blocks.downsampling;
      upsampling = c.blocks.upsampling;
      midBlockScale = c.blocks.midScale;
      normGroups = boxed(c.norm.groups);
      normEps = c.norm.eps;
      attentionHeadDim = boxed(c.attention.headDim);
      attentionNormGroups = boxed(c.attention.normGroups);
      midAttention = c.attention.middle;
      timeEmbedding = c.time.embedding;
      timeEmbeddingDim = boxed(c.time.dim);
      timeInjection = c.time.injection;
      flipSinToCos = c.time.flipSinToCos;
      freqShift = c.time.freqShift;
      trainTimesteps = boxed(c.time.trainTimesteps);
      classEmbedding = c.classes.embedding;
      classes = boxed(c.classes.count);
      nullClass = c.classes.nullClass;
      activation = c.activation;
      centerInput = c.centerInput;
      dropout = c.dropout;
    }

    static List<Block> mirror(List<Block> down) {
      List<Block> up = new ArrayList<>(down);
      Collections.reverse(up);
      return up;
    }

    private static List<Block> plain(int levels) {
      return Collections.nCopies(levels, Block.PLAIN);
    }

    private static @Nullable Integer boxed(OptionalInt value) {
      return value.isPresent() ? value.getAsInt() : null;
    }

    private static OptionalInt optional(@Nullable Integer value) {
      return value == null ? OptionalInt.empty() : OptionalInt.of(value);
    }

    /** Sets the channels of the output if they differ from a sample's. */
    public Builder outChannels(int channels) {
      outChannels = channels;
      return this;
    }

    /**
     * Sets the channels of the pictures that the network gets with each sample, as a {@link
     * org.diffusion4j.Condition}; they follow those of the sample in its input. By default 0.
     *
     * @param channels at least 0; above 0 only if the output has the channels of a sample
     */
    public Builder pictureChannels(int channels) {
      pictureChannels = channels;
      return this;
    }

    /**
     * Sets the levels: their channels, from the full resolution down. Without {@link
     * #downBlocks(Block...)} none of them has attention.
     */
    public Builder blockOutChannels(Integer... channels) {
      blockOutChannels = List.of(channels);
      return this;
    }

    /**
     * Sets the kinds of the levels on the way down, as many as there are levels. Without {@link
     * #upBlocks(Block...)} those on the way up mirror them.
     */
    public Builder downBlocks(Block... blocks) {
      downBlocks = List.of(blocks);
      return this;
    }

    /** Sets the kinds of the levels on the way up if they do not mirror the way down. */
    public Builder upBlocks(Block... blocks) {
      upBlocks = List.of(blocks);
      return this;
    }

    /** Sets the number of residual blocks of a level. */
    public Builder layersPerBlock(int layers) {
      layersPerBlock = layers;
      return this;
    }

    /**
     * Sets the number of groups of the normalisations; it must divide the channels of every level.
     * Null gives a quarter of the channels, at most 32, if all levels are skip levels.
     */
    public Builder normGroups(@Nullable Integer groups) {
      normGroups = groups;
      return this;
    }

    /** Sets the number that normalisation adds to the variance. */
    public Builder normEps(double epsilon) {
      normEps = epsilon;
      return this;
    }

    /** Sets the channels of an attention head, or null for one head. */
    public Builder attentionHeadDim(@Nullable Integer channels) {
      attentionHeadDim = channels;
      return this;
    }

    /** Sets the groups of the middle attention's normalisation, or null for diffusers' default. */
    public Builder attentionNormGroups(@Nullable Integer groups) {
      attentionNormGroups = groups;
      return this;
    }

    /** Sets whether there is attention in the middle. */
    public Builder midAttention(boolean attention) {
      midAttention = attention;
      return this;
    }

    /** Sets the divisor of the outputs of the middle blocks. */
    public Builder midBlockScale(double scale) {
      midBlockScale = scale;
      return this;
    }

    /**
     * Sets the padding of strided convolutions: 1 on every side, or 0 for right and bottom only.
     */
    public Builder downsamplePadding(int padding) {
      downsamplePadding = padding;
      return this;
    }

    /** Sets how attention levels halve the resolution. */
    public Builder downsampling(Resampling how) {
      downsampling = Objects.requireNonNull(how, "downsampling");
      return this;
    }

    /** Sets how attention levels double the resolution. */
    public Builder upsampling(Resampling how) {
      upsampling = Objects.requireNonNull(how, "upsampling");
      return this;
    }

    /**
     * Sets the width of the embedded timestep, or null for four times the first level's channels.
     */
    public Builder timeEmbeddingDim(@Nullable Integer channels) {
      timeEmbeddingDim = channels;
      return this;
    }

    /** Sets how a timestep is embedded. */
    public Builder timeEmbedding(TimeEmbedding how) {
      timeEmbedding = Objects.requireNonNull(how, "time embedding");
      return this;
    }

    /** Sets how residual blocks use the embedded timestep. */
    public Builder timeInjection(TimeInjection how) {
      timeInjection = Objects.requireNonNull(how, "time injection");
      return this;
    }

    /** Sets whether cosines precede sines in a positional embedding. */
    public Builder flipSinToCos(boolean flip) {
      flipSinToCos = flip;
      return this;
    }

    /** Sets the number subtracted from the number of frequencies in their spacing. */
    public Builder freqShift(double shift) {
      freqShift = shift;
      return this;
    }

    /** Sets the number of rows of a learned time embedding. */
    public Builder trainTimesteps(@Nullable Integer timesteps) {
      trainTimesteps = timesteps;
      return this;
    }

    /**
     * Makes the model class-conditional. Without {@link #classEmbedding} it has a table with a row
     * for each class.
     */
    public Builder classes(int count) {
      classes = count;
      return this;
    }

    /**
     * Sets whether the class table has an additional row for samples without a label, which
     * classifier-free guidance needs (Ho and Salimans 2022).
     */
    public Builder nullClass(boolean present) {
      nullClass = present;
      return this;
    }

    /** Sets how a class label is embedded. */
    public Builder classEmbedding(ClassEmbedding how) {
      classEmbedding = Objects.requireNonNull(how, "class embedding");
      return this;
    }

    /** Sets the function between the layers of residual blocks. */
    public Builder activation(Activation function) {
      activation = Objects.requireNonNull(function, "activation");
      return this;
    }

    /** Sets whether inputs in [0, 1] are first mapped to [-1, 1]. */
    public Builder centerInput(boolean center) {
      centerInput = center;
      return this;
    }

    /** Sets the probability of dropout in training. */
    public Builder dropout(double probability) {
      dropout = probability;
      return this;
    }

    /**
     * The configuration.
     *
     * @throws IllegalArgumentException if settings contradict each other; the message names both
     */
    public UNetConfig build() {
      UNetRules.checkPictures(pictureChannels, inChannels, outChannels);
      return new UNetConfig(
          inChannels + pictureChannels,
          outChannels,
          height,
          width,
          blocks(),
          new Norm(optional(normGroups), normEps),
          new Attention(optional(attentionHeadDim), optional(attentionNormGroups), midAttention),
          new Time(
              timeEmbedding,
              optional(timeEmbeddingDim),
              timeInjection,
              flipSinToCos,
              freqShift,
              optional(trainTimesteps)),
          labelled(),
          activation,
          centerInput,
          dropout);
    }

    private Blocks blocks() {
      List<Integer> channels = blockOutChannels == null ? CHANNELS : blockOutChannels;
      List<Block> down = downBlocks;
      if (down == null) {
        down = blockOutChannels == null ? DOWN : plain(channels.size());
      }
      return new Blocks(
          channels,
          down,
          upBlocks == null ? mirror(down) : upBlocks,
          layersPerBlock,
          downsamplePadding,
          downsampling,
          upsampling,
          midBlockScale);
    }

    private Classes labelled() {
      ClassEmbedding embedding = classEmbedding;
      if (embedding == null) {
        embedding = classes == null ? ClassEmbedding.NONE : ClassEmbedding.TABLE;
      }
      return new Classes(embedding, optional(classes), nullClass);
    }
  }
}
