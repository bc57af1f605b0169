package org.diffusion4j.internal.nn.unet;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.Layers;
import org.jspecify.annotations.Nullable;

/**
 * What {@link ConditionalUNetGraph} builds a U-Net from, read from diffusers' settings. All of it
 * is consistent.
 *
 * @param inChannels channels of a sample and, if more than {@code outChannels}, of pictures
 * @param levels from the full resolution down
 * @param text the embeddings that cross-attention attends to
 * @param textTime what else is added to the embedded timestep, if anything
 * @param inKernel size of the first convolution's kernel, odd
 * @param outKernel size of the last convolution's kernel, odd
 * @param centerInput whether inputs x in [0, 1] are first mapped to 2 x - 1
 * @param downsamplePadding of strided convolutions: 1 for every side, 0 for bottom and right
 * @param linearProjection whether a transformer's first and last layer are linear, not 1x1
 *     convolutions
 * @param residuals whether values from outside are added to the skip connections and to the middle
 */
public record ConditionalUNet(
    int inChannels,
    int outChannels,
    int height,
    int width,
    List<Level> levels,
    Middle middle,
    Text text,
    Time time,
    Labels labels,
    Optional<TextTime> textTime,
    Style style,
    int inKernel,
    int outKernel,
    boolean centerInput,
    int downsamplePadding,
    boolean linearProjection,
    boolean residuals) {

  public ConditionalUNet {
    levels = List.copyOf(levels);
  }

  /** What stands behind each residual block of a level. */
  public enum Block {
    /** Nothing. */
    PLAIN("DownBlock2D", "UpBlock2D"),
    /** A transformer with cross-attention. */
    CROSS_ATTENTION("CrossAttnDownBlock2D", "CrossAttnUpBlock2D"),
    /** Attention between pixels. */
    ATTENTION("AttnDownBlock2D", "AttnUpBlock2D"),
    /** Nothing, and a residual block changes the resolution. */
    RESNET("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D");

    final String down;
    final String up;

    Block(String down, String up) {
      this.down = down;
      this.up = up;
    }
  }

  /** One way of a level, down or up. */
  public record Way(Block block, int layers, int headChannels, List<Integer> transformers) {
    public Way {
      transformers = List.copyOf(transformers);
    }

    boolean crosses() {
      return block == Block.CROSS_ATTENTION;
    }
  }

  /**
   * A level.
   *
   * @param heads of transformers
   * @param onlyCross whether a transformer's first attention attends to the text, too
   * @param height of its activations
   * @param width of its activations
   */
  public record Level(
      int channels, int heads, boolean onlyCross, Way down, Way up, int height, int width) {}

  /** The blocks between the way down and the way up. */
  public enum MiddleBlock {
    NONE,
    /** One residual block. */
    RESIDUAL,
    /** Two residual blocks with a transformer between them. */
    CROSS_ATTENTION
  }

  /**
   * The middle.
   *
   * @param transformers number of its transformer's layers
   * @param divisor of the outputs of its residual blocks
   */
  public record Middle(MiddleBlock block, int transformers, double divisor) {}

  /**
   * Text embeddings.
   *
   * @param width of the given embeddings
   * @param crossWidth of those that cross-attention attends to; where both differ, a dense layer is
   *     between them
   * @param projected whether there is this layer
   * @param tokens their number
   * @param masked whether a mask is given with them
   */
  public record Text(int width, int crossWidth, boolean projected, int tokens, boolean masked) {}

  /**
   * The embedded timestep.
   *
   * @param fourier whether its frequencies are random instead of geometric
   * @param channels its width
   * @param condition width of a vector that is added to the timestep's sines and cosines; empty for
   *     none
   * @param postActivation follows the last layer
   * @param finalActivation follows the sum of all embeddings
   */
  public record Time(
      boolean fourier,
      int channels,
      boolean cosinesFirst,
      double freqShift,
      OptionalInt condition,
      Optional<ActivationFunction> postActivation,
      Optional<ActivationFunction> finalActivation) {}

  /** How class labels are embedded. */
  public enum LabelEmbedding {
    NONE,
    /** A row of a table. */
    TABLE,
    /** As timesteps. */
    TIMESTEP,
    /** The label is a vector, for two dense layers. */
    PROJECTION,
    /** The label is a vector, for one dense layer. */
    SIMPLE_PROJECTION,
    /** The label is the embedding. */
    IDENTITY;

    /** Whether a label is a vector. */
    public boolean isVector() {
      return this == PROJECTION || this == SIMPLE_PROJECTION || this == IDENTITY;
    }
  }

  /**
   * Class labels.
   *
   * @param size rows of the table, or width of the vector
   * @param nullClass whether the table's last row is for samples without a label
   * @param concatenated whether their embedding is beside that of the timestep, not added to it
   */
  public record Labels(
      LabelEmbedding embedding, int size, boolean nullClass, boolean concatenated) {}

  /**
   * A pooled text embedding, and numbers that are embedded as timesteps: Stable Diffusion XL
   * (Podell et al. 2023), section 2.2.
   *
   * @param pooled width of the pooled embedding
   * @param ids how many numbers
   * @param idChannels width of each one's embedding
   */
  public record TextTime(int pooled, int ids, int idChannels) {
    int width() {
      return pooled + ids * idChannels;
    }
  }

  /**
   * Normalisations and residual blocks.
   *
   * @param skipTimeActivation whether residual blocks of {@link Block#RESNET} levels take the
   *     embedded timestep as it is
   * @param resnetDivisor of their outputs
   */
  public record Style(
      int groups,
      double eps,
      ActivationFunction activation,
      boolean scaleShift,
      double dropout,
      boolean skipTimeActivation,
      double resnetDivisor) {}

  /**
   * Reads diffusers' settings, and those of this library.
   *
   * @param settings complete, as {@link ConditionalUNetSettings#complete} makes them
   * @throws IllegalArgumentException if a setting is not supported or contradicts another
   */
  public static ConditionalUNet of(Map<String, ? extends @Nullable Object> settings) {
    return new ConditionalUNetReader(settings).read();
  }

  /** The names and shapes of the weights. */
  public Map<String, long[]> weightShapes() {
    Layers layers = Layers.withoutArrays();
    ConditionalUNetGraph.build(layers, this);
    return layers.shapes();
  }

  /** The channels of a sample. */
  public int sampleChannels() {
    return Math.min(inChannels, outChannels);
  }

  Level deepest() {
    return levels.get(levels.size() - 1);
  }

  /** Whether any block attends to the text. */
  public boolean readsText() {
    return middle.block == MiddleBlock.CROSS_ATTENTION
        || levels.stream().anyMatch(level -> level.down.crosses() || level.up.crosses());
  }
}
