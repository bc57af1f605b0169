package org.diffusion4j.autoencoder;

import java.util.List;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.UNetBlocks;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The architecture of the encoder and the decoder of {@link AutoencoderKL} and {@link VQModel}: the
 * halves of a U-Net without skip connections and timesteps (Rombach et al. 2022, appendix E).
 * Immutable.
 *
 * @param imageChannels of the images to encode
 * @param outChannels of the decoded images
 * @param latentChannels of latents
 * @param blockOutChannels channels of each level, from the image on; each level but the last halves
 *     height and width
 * @param layersPerBlock residual blocks of a level of the encoder; the decoder has one more
 * @param normGroups groups of the normalisations
 * @param midAttention whether the deepest level has attention
 */
public record AutoencoderBlocks(
    int imageChannels,
    int outChannels,
    int latentChannels,
    List<Integer> blockOutChannels,
    int layersPerBlock,
    int normGroups,
    boolean midAttention) {

  private static final int MOST_LEVELS = 12;
  private static final double EPS = 1e-6;

  /**
   * @throws IllegalArgumentException if a number is not positive, or if channels are no multiples
   *     of the groups
   */
  public AutoencoderBlocks {
    blockOutChannels = List.copyOf(blockOutChannels);
    requirePositive("image channels", imageChannels);
    requirePositive("out channels", outChannels);
    requirePositive("latent channels", latentChannels);
    requirePositive("layers per block", layersPerBlock);
    requirePositive("norm groups", normGroups);
    if (blockOutChannels.isEmpty() || blockOutChannels.size() > MOST_LEVELS) {
      throw new IllegalArgumentException(
          "block out channels must be of 1 to "
              + MOST_LEVELS
              + " levels but were of "
              + blockOutChannels.size());
    }
    for (int channels : blockOutChannels) {
      requirePositive("block out channels", channels);
      if (channels % normGroups != 0) {
        throw new IllegalArgumentException(
            "block out channels must be multiples of the norm groups, "
                + normGroups
                + ", but were "
                + Shown.text(blockOutChannels));
      }
    }
  }

  /**
   * Blocks with one layer each and attention at the deepest level.
   *
   * @param imageChannels of images
   * @param latentChannels of latents
   * @param normGroups groups of the normalisations
   * @param blockOutChannels channels of each level, multiples of the groups
   */
  public static AutoencoderBlocks of(
      int imageChannels, int latentChannels, int normGroups, List<Integer> blockOutChannels) {
    return new AutoencoderBlocks(
        imageChannels, imageChannels, latentChannels, blockOutChannels, 1, normGroups, true);
  }

  /**
   * A copy with another number of layers.
   *
   * @param layers residual blocks of a level, at least 1
   */
  public AutoencoderBlocks withLayersPerBlock(int layers) {
    return new AutoencoderBlocks(
        imageChannels,
        outChannels,
        latentChannels,
        blockOutChannels,
        layers,
        normGroups,
        midAttention);
  }

  /** A copy with or without attention at the deepest level. */
  public AutoencoderBlocks withMidAttention(boolean attention) {
    return new AutoencoderBlocks(
        imageChannels,
        outChannels,
        latentChannels,
        blockOutChannels,
        layersPerBlock,
        normGroups,
        attention);
  }

  static void requirePositive(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + " must be at least 1 but were " + value);
    }
  }

  /** By how much the size of an image exceeds that of its latents. */
  int factor() {
    return 1 << (blockOutChannels.size() - 1);
  }

  private int deepest() {
    return blockOutChannels.get(blockOutChannels.size() - 1);
  }

  /**
   * The encoder.
   *
   * @param out channels of the result
   */
  FeatureMap encoded(Layers layers, FeatureMap x, int out) {
    UNetBlocks blocks = blocks(layers);
    FeatureMap h = conv(layers, "encoder.conv_in", x, blockOutChannels.get(0), 3);
    for (int i = 0; i < blockOutChannels.size(); i++) {
      String level = "encoder.down_blocks." + i;
      for (int j = 0; j < layersPerBlock; j++) {
        h = blocks.residual(level + ".resnets." + j, h, null, blockOutChannels.get(i), 1);
      }
      if (i < blockOutChannels.size() - 1) {
        h = blocks.downsample(level + ".downsamplers.0.conv", h, 0);
      }
    }
    h = middle(blocks, "encoder.mid_block", h);
    return last(layers, blocks, "encoder", h, out);
  }

  /** The decoder. */
  FeatureMap decoded(Layers layers, FeatureMap z) {
    UNetBlocks blocks = blocks(layers);
    FeatureMap h = conv(layers, "decoder.conv_in", z, deepest(), 3);
    h = middle(blocks, "decoder.mid_block", h);
    int levels = blockOutChannels.size();
    for (int i = 0; i < levels; i++) {
      String level = "decoder.up_blocks." + i;
      int channels = blockOutChannels.get(levels - 1 - i);
      for (int j = 0; j <= layersPerBlock; j++) {
        h = blocks.residual(level + ".resnets." + j, h, null, channels, 1);
      }
      if (i < levels - 1) {
        h = blocks.upsample(level + ".upsamplers.0.conv", h);
      }
    }
    return last(layers, blocks, "decoder", h, outChannels);
  }

  /** A linear map of the channels. */
  static FeatureMap pointwise(Layers layers, String name, FeatureMap x, int out) {
    return conv(layers, name, x, out, 1);
  }

  private static FeatureMap conv(Layers layers, String name, FeatureMap x, int out, int kernel) {
    return x.of(layers.conv(name, x.value(), x.channels(), out, kernel), out);
  }

  private FeatureMap middle(UNetBlocks blocks, String name, FeatureMap x) {
    FeatureMap h = blocks.residual(name + ".resnets.0", x, null, x.channels(), 1);
    if (midAttention) {
      h = blocks.attention(name + ".attentions.0", h, normGroups, h.channels(), 1);
    }
    return blocks.residual(name + ".resnets.1", h, null, h.channels(), 1);
  }

  private static FeatureMap last(
      Layers layers, UNetBlocks blocks, String name, FeatureMap h, int out) {
    SDVariable y = blocks.activated(blocks.norm(name + ".conv_norm_out", h));
    return conv(layers, name + ".conv_out", h.of(y, h.channels()), out, 3);
  }

  private UNetBlocks blocks(Layers layers) {
    return new UNetBlocks(
        new UNetBlocks.Style(normGroups, EPS, ActivationFunction.SILU, 0, false, 0), layers);
  }
}
