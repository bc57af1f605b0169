package org.diffusion4j.internal.nn;

import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The blocks of U-Nets with diffusers' names: residual blocks (Ho et al. 2020, appendix B),
 * attention between pixels, changes of resolution.
 */
public final class UNetBlocks {

  /**
   * What all blocks of a network have in common.
   *
   * @param groups of the normalisations
   * @param eps what normalisations add to the variance
   * @param activation follows the normalisations
   * @param timeChannels width of the embedded timestep
   * @param scaleShift whether the timestep scales and shifts normalised activations (Nichol and
   *     Dhariwal 2021) instead of being added to activations
   * @param dropout the probability of dropout in training
   */
  public record Style(
      int groups,
      double eps,
      ActivationFunction activation,
      int timeChannels,
      boolean scaleShift,
      double dropout) {}

  /** How a residual block changes height and width. */
  public enum Change {
    NONE,
    /** Halved by averages. */
    HALVED,
    /** Doubled by the nearest pixels. */
    DOUBLED,
    /** Halved by a filter (Zhang 2019; score SDE, Song et al. 2021, appendix H). */
    FILTERED_DOWN,
    /** Doubled by the same filter. */
    FILTERED_UP;

    /** Whether the residual connection is a convolution even if the channels stay. */
    boolean needsShortcut() {
      return this == FILTERED_DOWN || this == FILTERED_UP;
    }
  }

  /**
   * What distinguishes a residual block.
   *
   * @param channels of the output
   * @param divisor of the output
   * @param groups of the first normalisation
   * @param groupsOut of the second normalisation
   */
  public record Residual(int channels, double divisor, int groups, int groupsOut, Change change) {}

  private final Style style;
  private final Layers layers;
  private final Resizing resizing;

  public UNetBlocks(Style style, Layers layers) {
    this.style = style;
    this.layers = layers;
    resizing = new Resizing(layers);
  }

  /**
   * Norm, activation, convolution, time, norm, activation, dropout, convolution, with a residual
   * connection.
   *
   * @param time the embedded timestep, {@code [n, timeChannels]}, or null for none
   * @param divisor of the output
   */
  public FeatureMap residual(
      String name, FeatureMap in, @Nullable SDVariable time, int channels, double divisor) {
    return residual(name, in, time, like(channels, divisor, Change.NONE));
  }

  /** A residual block that halves the size by averages. */
  public FeatureMap residualDown(String name, FeatureMap in, SDVariable time, double divisor) {
    return residual(name, in, time, like(in.channels(), divisor, Change.HALVED));
  }

  /** A residual block that doubles the size. */
  public FeatureMap residualUp(String name, FeatureMap in, SDVariable time, double divisor) {
    return residual(name, in, time, like(in.channels(), divisor, Change.DOUBLED));
  }

  private Residual like(int channels, double divisor, Change change) {
    return new Residual(channels, divisor, style.groups, style.groups, change);
  }

  /** Any residual block. */
  public FeatureMap residual(
      String name, FeatureMap in, @Nullable SDVariable time, Residual block) {
    int channels = block.channels;
    SDVariable before = activated(norm(name + ".norm1", in, block.groups));
    FeatureMap first = changed(in.of(before, in.channels()), block.change);
    FeatureMap around = changed(in, block.change);
    SDVariable y = layers.conv(name + ".conv1", first.value(), in.channels(), channels, 3);
    y = activated(normed(name, around.of(y, channels), time, block.groupsOut));
    if (style.dropout > 0) {
      y = layers.dropout(name, around.of(y, channels));
    }
    y = layers.conv(name + ".conv2", y, channels, channels, 3);
    SDVariable shortcut =
        in.channels() == channels && !block.change.needsShortcut()
            ? around.value()
            : layers.conv(name + ".conv_shortcut", around.value(), in.channels(), channels, 1);
    return around.of(divided(shortcut.add(y), block.divisor), channels);
  }

  /** Another height and width. */
  public FeatureMap changed(FeatureMap x, Change change) {
    return switch (change) {
      case NONE -> x;
      case HALVED -> resizing.averaged(x);
      case DOUBLED -> resizing.doubled(x);
      case FILTERED_DOWN -> resizing.filteredDown(x);
      case FILTERED_UP -> resizing.filteredUp(x);
    };
  }

  /** The second norm, with the timestep before or after it. */
  private SDVariable normed(String name, FeatureMap x, @Nullable SDVariable time, int groups) {
    if (time == null) {
      return norm(name + ".norm2", x, groups);
    }
    int channels = x.channels();
    int width = style.scaleShift ? 2 * channels : channels;
    SDVariable injected = layers.dense(name + ".time_emb_proj", time, style.timeChannels, width);
    if (style.scaleShift) {
      return layers.scaleShift(norm(name + ".norm2", x, groups), injected, channels);
    }
    SDVariable sum = x.value().add(layers.sd.reshape(injected, -1, channels, 1, 1));
    return norm(name + ".norm2", x.of(sum, channels), groups);
  }

  /**
   * Scaled dot-product attention between all pixels, with a residual connection.
   *
   * @param groups of the normalisation before it; 0 for none
   * @param headChannels channels of a head
   * @param divisor of the output
   */
  public FeatureMap attention(
      String name, FeatureMap in, int groups, int headChannels, double divisor) {
    SDVariable y =
        groups == 0 ? in.value() : layers.groupNorm(name + ".group_norm", in, groups, style.eps);
    int channels = in.channels();
    int pixels = in.height() * in.width();
    SDVariable q = heads(layers.pointwise(name + ".to_q", y, channels), headChannels, pixels);
    SDVariable k = heads(layers.pointwise(name + ".to_k", y, channels), headChannels, pixels);
    SDVariable v = heads(layers.pointwise(name + ".to_v", y, channels), headChannels, pixels);
    SDVariable scores = layers.sd.mmul(q, k, true, false, false).mul(1 / Math.sqrt(headChannels));
    SDVariable weights = layers.sd.nn().softmax(scores, -1);
    SDVariable mixed = layers.sd.mmul(v, weights, false, true, false);
    y = layers.sd.reshape(mixed, -1, channels, in.height(), in.width());
    y = layers.pointwise(name + ".to_out.0", y, channels);
    return in.of(divided(in.value().add(y), divisor), channels);
  }

  /** {@code [batch, channels, height, width]} as {@code [batch * heads, head channels, pixels]}. */
  private SDVariable heads(SDVariable x, int headChannels, int pixels) {
    return layers.sd.reshape(x, -1, headChannels, pixels);
  }

  /**
   * A convolution that halves the size.
   *
   * @param padding 1 pads every side and rounds odd sizes up; 0 pads the bottom and the right side
   *     and rounds down
   */
  public FeatureMap downsample(String name, FeatureMap in, int padding) {
    return resizing.convolved(name, in, padding);
  }

  /** The nearest pixels in twice the size, and a convolution. */
  public FeatureMap upsample(String name, FeatureMap in) {
    return convolved(name, resizing.doubled(in));
  }

  /** The nearest pixels for a given size, and a convolution. */
  public FeatureMap upsample(String name, FeatureMap in, int height, int width) {
    return convolved(name, resizing.nearest(in, height, width));
  }

  private FeatureMap convolved(String name, FeatureMap x) {
    int channels = x.channels();
    return x.of(layers.conv(name, x.value(), channels, channels, 3), channels);
  }

  /** Group normalisation. */
  public SDVariable norm(String name, FeatureMap x) {
    return norm(name, x, style.groups);
  }

  /** Group normalisation with another number of groups. */
  public SDVariable norm(String name, FeatureMap x, int groups) {
    return layers.groupNorm(name, x, groups, style.eps);
  }

  /** The activation of the network. */
  public SDVariable activated(SDVariable x) {
    return style.activation.of(layers, x);
  }

  private static SDVariable divided(SDVariable x, double divisor) {
    return divisor == 1 ? x : x.mul(1 / divisor);
  }
}
