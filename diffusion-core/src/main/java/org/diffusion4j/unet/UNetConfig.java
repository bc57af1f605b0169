package org.diffusion4j.unet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The architecture of a {@link UNet}, with the names and the defaults of diffusers' {@code
 * UNet2DModel}. Immutable.
 */
public final class UNetConfig {

  /** A level on the way down or, mirrored, up. */
  public enum Block {
    /** Residual blocks. */
    PLAIN("DownBlock2D", "UpBlock2D"),
    /** Residual blocks, each followed by self-attention. */
    ATTENTION("AttnDownBlock2D", "AttnUpBlock2D"),
    /** Residual blocks, with a residual block to change the resolution. */
    RESNET("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D");

    private final String down;
    private final String up;

    Block(String down, String up) {
      this.down = down;
      this.up = up;
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
    /** A strided convolution down, nearest neighbours and a convolution up. */
    CONV,
    /** A residual block around average pooling down and nearest neighbours up. */
    RESNET
  }

  /** How a timestep becomes a vector. */
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

  /** How a residual block takes in the timestep. */
  public enum TimeInjection {
    /** Adds it to the activations. */
    ADD,
    /** Scales and shifts the normalised activations with it (Nichol and Dhariwal 2021). */
    SCALE_SHIFT
  }

  /** What a class label is. */
  public enum ClassEmbedding {
    /** The model is unconditional. */
    NONE,
    /** A row of a learned table. */
    TABLE,
    /** Another timestep, embedded as the timestep is. */
    TIMESTEP
  }

  private static final int MAX_LEVELS = 16;
  private static final int MAX_LAYERS = 64;
  private static final int MAX_BLOCKS = 256;
  private static final int MAX_CHANNELS = 1 << 16;
  private static final int MAX_SIDE = 1 << 14;

  private final int inChannels;
  private final int outChannels;
  private final int height;
  private final int width;
  private final List<Integer> blockOutChannels;
  private final List<Block> downBlocks;
  private final List<Block> upBlocks;
  private final int layersPerBlock;
  private final int normGroups;
  private final double normEps;
  private final @Nullable Integer attentionHeadDim;
  private final @Nullable Integer attentionNormGroups;
  private final boolean midAttention;
  private final double midBlockScale;
  private final int downsamplePadding;
  private final Resampling downsampling;
  private final Resampling upsampling;
  private final TimeEmbedding timeEmbedding;
  private final @Nullable Integer timeEmbeddingDim;
  private final TimeInjection timeInjection;
  private final boolean flipSinToCos;
  private final double freqShift;
  private final @Nullable Integer trainTimesteps;
  private final ClassEmbedding classEmbedding;
  private final @Nullable Integer classes;
  private final boolean nullClass;
  private final boolean centerInput;
  private final double dropout;

  private UNetConfig(Builder b) {
    inChannels = requireChannels("input channels", b.inChannels);
    outChannels = requireChannels("output channels", b.outChannels);
    height = requirePositive("height", b.height);
    width = requirePositive("width", b.width);
    blockOutChannels = List.copyOf(b.blockOutChannels);
    downBlocks = List.copyOf(b.downBlocks);
    upBlocks = b.upBlocks == null ? mirror(downBlocks) : List.copyOf(b.upBlocks);
    layersPerBlock = b.layersPerBlock;
    normGroups = requirePositive("norm groups", b.normGroups);
    normEps = b.normEps;
    attentionHeadDim = b.attentionHeadDim;
    attentionNormGroups = b.attentionNormGroups;
    midAttention = b.midAttention;
    midBlockScale = b.midBlockScale;
    downsamplePadding = b.downsamplePadding;
    downsampling = b.downsampling;
    upsampling = b.upsampling;
    timeEmbedding = b.timeEmbedding;
    timeEmbeddingDim = b.timeEmbeddingDim;
    timeInjection = b.timeInjection;
    flipSinToCos = b.flipSinToCos;
    freqShift = b.freqShift;
    trainTimesteps = b.trainTimesteps;
    classEmbedding = b.classEmbedding;
    classes = b.classes;
    nullClass = b.nullClass;
    centerInput = b.centerInput;
    dropout = b.dropout;
    validate();
  }

  private static List<Block> mirror(List<Block> down) {
    List<Block> up = new ArrayList<>(down);
    Collections.reverse(up);
    return List.copyOf(up);
  }

  private void validate() {
    int levels = blockOutChannels.size();
    require(
        layersPerBlock >= 1 && layersPerBlock <= MAX_LAYERS,
        "layers per block must be in [1, " + MAX_LAYERS + "] but was " + layersPerBlock);
    require(levels <= MAX_LEVELS, "levels must be at most " + MAX_LEVELS + " but were " + levels);
    require(levels >= 1, "block out channels must name at least one level");
    int blocks = levels * (2 * layersPerBlock + 1);
    require(
        blocks <= MAX_BLOCKS,
        "layers per block and levels must give at most "
            + MAX_BLOCKS
            + " residual blocks but "
            + layersPerBlock
            + " and "
            + levels
            + " give "
            + blocks);
    require(
        downBlocks.size() == levels && upBlocks.size() == levels,
        "down and up blocks must be as many as block out channels, "
            + levels
            + ", but were "
            + downBlocks.size()
            + " and "
            + upBlocks.size());
    if (timeEmbeddingDim != null) {
      requireChannels("time embedding channels", timeEmbeddingDim);
    }
    if (attentionHeadDim != null) {
      requirePositive("attention head size", attentionHeadDim);
    }
    if (attentionNormGroups != null) {
      requirePositive("attention norm groups", attentionNormGroups);
    }
    require(
        height <= MAX_SIDE && width <= MAX_SIDE,
        "height and width must be at most " + MAX_SIDE + " but were " + height + " x " + width);
    for (int channels : blockOutChannels) {
      require(
          channels >= 1 && channels <= MAX_CHANNELS,
          "block out channels must be in [1, " + MAX_CHANNELS + "] but were " + channels);
      require(
          channels % normGroups == 0,
          "norm groups must divide the channels of every level but "
              + normGroups
              + " does not divide "
              + channels);
      require(
          attentionHeadDim == null || !attends(channels) || channels % attentionHeadDim == 0,
          "attention head size must divide the channels where attention is but "
              + attentionHeadDim
              + " does not divide "
              + channels);
    }
    int base = blockOutChannels.get(0);
    require(base % 2 == 0, "channels of the first level must be even but were " + base);
    int frequencies = base / 2;
    require(
        frequencies > freqShift,
        "frequency shift must be less than " + frequencies + " but was " + freqShift);
    int unit = 1 << (levels - 1);
    require(
        height % unit == 0 && width % unit == 0,
        "height and width must be divisible by "
            + unit
            + " for "
            + levels
            + " levels but were "
            + height
            + " x "
            + width
            + "; "
            + sizesThatDo(unit));
    require(normEps > 0, "norm epsilon must be positive but was " + normEps);
    require(
        midBlockScale > 0 && midBlockScale < Double.POSITIVE_INFINITY,
        "mid-block scale must be positive but was " + midBlockScale);
    require(
        downsamplePadding == 0 || downsamplePadding == 1,
        "downsample padding must be 0 or 1 but was " + downsamplePadding);
    require(dropout >= 0 && dropout < 1, "dropout must be in [0, 1) but was " + dropout);
    require(
        attentionNormGroups == null || deepest() % attentionNormGroups == 0,
        "attention norm groups must divide the channels of the deepest level, "
            + deepest()
            + ", but were "
            + attentionNormGroups);
    require(
        timeEmbedding != TimeEmbedding.LEARNED || (trainTimesteps != null && trainTimesteps > 0),
        "a learned time embedding needs the number of train timesteps but it was "
            + trainTimesteps);
    require(
        classEmbedding != ClassEmbedding.TABLE || (classes != null && classes > 0),
        "a class table needs a positive number of classes but it was " + classes);
    require(
        classes == null || !nullClass || classes < Integer.MAX_VALUE,
        "classes with a null class must be less than 2^31 - 1 but were " + classes);
    require(
        !nullClass || classEmbedding == ClassEmbedding.TABLE,
        "a null class must have a class table but the class embedding was " + classEmbedding);
  }

  private boolean attends(int channels) {
    IntPredicate here =
        level ->
            blockOutChannels.get(level) == channels
                && (downBlocks.get(level) == Block.ATTENTION
                    || upBlocks.get(blockOutChannels.size() - 1 - level) == Block.ATTENTION);
    return (midAttention && channels == deepest())
        || IntStream.range(0, blockOutChannels.size()).anyMatch(here);
  }

  /** {@code 96 x 96 or 104 x 104 would do, or at most 3 levels}. */
  private String sizesThatDo(int unit) {
    int lower = height - height % unit;
    int narrower = width - width % unit;
    String smaller = lower == 0 || narrower == 0 ? "" : lower + " x " + narrower + " or ";
    int levels = 1 + Integer.numberOfTrailingZeros(height | width);
    return smaller
        + roundedUp(height, unit)
        + " x "
        + roundedUp(width, unit)
        + " would do, or at most "
        + levels
        + (levels == 1 ? " level" : " levels");
  }

  private static long roundedUp(int size, int unit) {
    return ((long) size + unit - 1) / unit * unit;
  }

  private int deepest() {
    return blockOutChannels.get(blockOutChannels.size() - 1);
  }

  /**
   * A builder of a configuration for images of one size.
   *
   * @param channels of the input and the output, at least 1
   * @param height in pixels; each level but the last halves it
   * @param width in pixels; each level but the last halves it
   */
  public static Builder builder(int channels, int height, int width) {
    return new Builder(channels, height, width);
  }

  /** A builder that begins with this configuration's settings. */
  public Builder toBuilder() {
    Builder b = new Builder(inChannels, height, width);
    b.outChannels = outChannels;
    b.blockOutChannels = blockOutChannels;
    b.downBlocks = downBlocks;
    b.upBlocks = upBlocks;
    b.layersPerBlock = layersPerBlock;
    b.normGroups = normGroups;
    b.normEps = normEps;
    b.attentionHeadDim = attentionHeadDim;
    b.attentionNormGroups = attentionNormGroups;
    b.midAttention = midAttention;
    b.midBlockScale = midBlockScale;
    b.downsamplePadding = downsamplePadding;
    b.downsampling = downsampling;
    b.upsampling = upsampling;
    b.timeEmbedding = timeEmbedding;
    b.timeEmbeddingDim = timeEmbeddingDim;
    b.timeInjection = timeInjection;
    b.flipSinToCos = flipSinToCos;
    b.freqShift = freqShift;
    b.trainTimesteps = trainTimesteps;
    b.classEmbedding = classEmbedding;
    b.classes = classes;
    b.nullClass = nullClass;
    b.centerInput = centerInput;
    b.dropout = dropout;
    return b;
  }

  /** Channels of the input. */
  public int inChannels() {
    return inChannels;
  }

  /** Channels of the output. */
  public int outChannels() {
    return outChannels;
  }

  /** Height of the images in pixels. */
  public int height() {
    return height;
  }

  /** Width of the images in pixels. */
  public int width() {
    return width;
  }

  /** Channels of each level, from the full resolution down. */
  public List<Integer> blockOutChannels() {
    return blockOutChannels;
  }

  /** Kinds of the levels on the way down, from the full resolution. */
  public List<Block> downBlocks() {
    return downBlocks;
  }

  /** Kinds of the levels on the way up, to the full resolution. */
  public List<Block> upBlocks() {
    return upBlocks;
  }

  /** Residual blocks of a level on the way down; on the way up it has one more. */
  public int layersPerBlock() {
    return layersPerBlock;
  }

  /** Groups of every group normalisation but, where set, the middle attention's. */
  public int normGroups() {
    return normGroups;
  }

  /** What group normalisation adds to the variance. */
  public double normEps() {
    return normEps;
  }

  /** Channels of an attention head; empty stands for one head. */
  public OptionalInt attentionHeadDim() {
    return attentionHeadDim == null ? OptionalInt.empty() : OptionalInt.of(attentionHeadDim);
  }

  /** Groups of the middle attention's normalisation; empty stands for diffusers' default. */
  public OptionalInt attentionNormGroups() {
    return attentionNormGroups == null ? OptionalInt.empty() : OptionalInt.of(attentionNormGroups);
  }

  /** Whether there is self-attention between the two residual blocks in the middle. */
  public boolean midAttention() {
    return midAttention;
  }

  /** What the outputs of the blocks in the middle are divided by. */
  public double midBlockScale() {
    return midBlockScale;
  }

  /** 1 pads every side before a strided convolution, 0 only the right and the bottom. */
  public int downsamplePadding() {
    return downsamplePadding;
  }

  /** How attention levels halve the resolution. */
  public Resampling downsampling() {
    return downsampling;
  }

  /** How attention levels double the resolution. */
  public Resampling upsampling() {
    return upsampling;
  }

  /** How a timestep becomes a vector. */
  public TimeEmbedding timeEmbedding() {
    return timeEmbedding;
  }

  /** The width of the embedded timestep; empty stands for four times the first level's channels. */
  public OptionalInt timeEmbeddingDim() {
    return timeEmbeddingDim == null ? OptionalInt.empty() : OptionalInt.of(timeEmbeddingDim);
  }

  /** The width of the embedded timestep. */
  int timeChannels() {
    return timeEmbeddingDim().orElse(4 * blockOutChannels.get(0));
  }

  /** How residual blocks take in the timestep. */
  public TimeInjection timeInjection() {
    return timeInjection;
  }

  /** Whether cosines come before sines in a positional embedding. */
  public boolean flipSinToCos() {
    return flipSinToCos;
  }

  /** What is subtracted from the number of frequencies of a positional embedding to space them. */
  public double freqShift() {
    return freqShift;
  }

  /** Rows of a learned time embedding. */
  public OptionalInt trainTimesteps() {
    return trainTimesteps == null ? OptionalInt.empty() : OptionalInt.of(trainTimesteps);
  }

  /** What a class label is. */
  public ClassEmbedding classEmbedding() {
    return classEmbedding;
  }

  /** The number of classes, without the null class. */
  public OptionalInt classes() {
    return classes == null ? OptionalInt.empty() : OptionalInt.of(classes);
  }

  /** Whether the class table has one more row, its last, for samples without a label. */
  public boolean nullClass() {
    return nullClass;
  }

  /** The rows of the class table. */
  public OptionalInt classRows() {
    return classes == null ? OptionalInt.empty() : OptionalInt.of(classes + (nullClass ? 1 : 0));
  }

  /** Whether inputs x in [0, 1] are first taken to 2 x - 1. */
  public boolean centerInput() {
    return centerInput;
  }

  /** Probability with which training drops an activation. */
  public double dropout() {
    return dropout;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof UNetConfig that && settings().equals(that.settings());
  }

  @Override
  public int hashCode() {
    return settings().hashCode();
  }

  @Override
  public String toString() {
    return "UNetConfig" + settings();
  }

  private List<@Nullable Object> settings() {
    return Arrays.asList(
        inChannels,
        outChannels,
        height,
        width,
        blockOutChannels,
        downBlocks,
        upBlocks,
        layersPerBlock,
        normGroups,
        normEps,
        attentionHeadDim,
        attentionNormGroups,
        midAttention,
        midBlockScale,
        downsamplePadding,
        downsampling,
        upsampling,
        timeEmbedding,
        timeEmbeddingDim,
        timeInjection,
        flipSinToCos,
        freqShift,
        trainTimesteps,
        classEmbedding,
        classes,
        nullClass,
        centerInput,
        dropout);
  }

  private static int requirePositive(String what, int value) {
    require(value > 0, what + " must be positive but was " + value);
    return value;
  }

  private static int requireChannels(String what, int value) {
    requirePositive(what, value);
    require(
        value <= MAX_CHANNELS, what + " must be at most " + MAX_CHANNELS + " but were " + value);
    return value;
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Collects the settings of a {@link UNetConfig}; the defaults are those of diffusers. */
  public static final class Builder {

    private final int inChannels;
    private final int height;
    private final int width;
    private int outChannels;
    private List<Integer> blockOutChannels = List.of(224, 448, 672, 896);
    private List<Block> downBlocks =
        List.of(Block.PLAIN, Block.ATTENTION, Block.ATTENTION, Block.ATTENTION);
    private @Nullable List<Block> upBlocks;
    private int layersPerBlock = 2;
    private int normGroups = 32;
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
    private ClassEmbedding classEmbedding = ClassEmbedding.NONE;
    private @Nullable Integer classes;
    private boolean nullClass;
    private boolean centerInput;
    private double dropout;

    private Builder(int channels, int height, int width) {
      this.inChannels = channels;
      this.outChannels = channels;
      this.height = height;
      this.width = width;
    }

    /** Sets the channels of the output, where they are not those of the input. */
    public Builder outChannels(int channels) {
      outChannels = channels;
      return this;
    }

    /**
     * Sets the levels: their channels, from the full resolution down. Without {@link
     * #downBlocks(Block...)} none of them has attention.
     */
    public Builder blockOutChannels(Integer... channels) {
      blockOutChannels = List.of(channels);
      downBlocks = Collections.nCopies(channels.length, Block.PLAIN);
      upBlocks = null;
      return this;
    }

    /** Sets the kinds of the levels on the way down; those on the way up mirror them. */
    public Builder downBlocks(Block... blocks) {
      downBlocks = List.of(blocks);
      upBlocks = null;
      return this;
    }

    /** Sets the kinds of the levels on the way up, where they do not mirror the way down. */
    public Builder upBlocks(Block... blocks) {
      upBlocks = List.of(blocks);
      return this;
    }

    /** Sets how many residual blocks a level has. */
    public Builder layersPerBlock(int layers) {
      layersPerBlock = layers;
      return this;
    }

    /** Sets the groups of the normalisations; they divide the channels of every level. */
    public Builder normGroups(int groups) {
      normGroups = groups;
      return this;
    }

    /** Sets what normalisation adds to the variance. */
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

    /** Sets what the outputs of the blocks in the middle are divided by. */
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

    /** Sets how a timestep becomes a vector. */
    public Builder timeEmbedding(TimeEmbedding how) {
      timeEmbedding = Objects.requireNonNull(how, "time embedding");
      return this;
    }

    /** Sets how residual blocks take in the timestep. */
    public Builder timeInjection(TimeInjection how) {
      timeInjection = Objects.requireNonNull(how, "time injection");
      return this;
    }

    /** Sets whether cosines come before sines in a positional embedding. */
    public Builder flipSinToCos(boolean flip) {
      flipSinToCos = flip;
      return this;
    }

    /** Sets what is subtracted from the number of frequencies to space them. */
    public Builder freqShift(double shift) {
      freqShift = shift;
      return this;
    }

    /** Sets the rows of a learned time embedding. */
    public Builder trainTimesteps(@Nullable Integer timesteps) {
      trainTimesteps = timesteps;
      return this;
    }

    /** Makes the model class-conditional, with a table that has a row for each class. */
    public Builder classes(int count) {
      classEmbedding = ClassEmbedding.TABLE;
      classes = count;
      return this;
    }

    /**
     * Sets whether the class table has one more row for samples without a label, which
     * classifier-free guidance needs (Ho and Salimans 2022).
     */
    public Builder nullClass(boolean present) {
      nullClass = present;
      return this;
    }

    /** Sets what a class label is. */
    public Builder classEmbedding(ClassEmbedding how) {
      classEmbedding = Objects.requireNonNull(how, "class embedding");
      return this;
    }

    /** Sets whether inputs in [0, 1] are first taken to [-1, 1]. */
    public Builder centerInput(boolean center) {
      centerInput = center;
      return this;
    }

    /** Sets the probability with which training drops an activation. */
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
      return new UNetConfig(this);
    }
  }
}
