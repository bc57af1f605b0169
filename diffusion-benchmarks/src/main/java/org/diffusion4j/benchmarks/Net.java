package org.diffusion4j.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;

/**
 * A U-Net that every contestant can build, with two layers per block: diffusers' {@code
 * UNet2DModel} with 8 norm groups and one attention head, with attention at the lowest resolution
 * and in the middle; or {@code UNet2DConditionModel} with 32 norm groups and 8 heads, with
 * transformers at all resolutions but the lowest, and in the middle.
 *
 * @param name its name
 * @param size height and width of the images in pixels
 * @param channels of the images
 * @param base channels of the first level
 * @param mult channels of each level as multiples of {@code base}, from the full resolution down
 * @param takesText whether it is conditioned by embeddings of texts
 */
record Net(String name, int size, int channels, int base, List<Integer> mult, boolean takesText) {

  static final int LAYERS = 2;
  static final double NORM_EPS = 1e-5;
  static final int HEADS = 8;
  static final int TOKENS = 77;
  static final int TEXT_WIDTH = 768;

  static final Net STANDARD = new Net("standard", 32, 1, 32, List.of(1, 2, 4));
  static final Net FASHION = new Net("fashion", 28, 1, 32, List.of(1, 2, 4));
  static final Net CIFAR = new Net("cifar", 32, 3, 64, List.of(1, 2, 4));

  /** The U-Net of Stable Diffusion 1.5: 860 million weights. */
  static final Net STABLE_DIFFUSION =
      new Net("stable-diffusion", 64, 4, 320, List.of(1, 2, 4, 4), true);

  Net {
    mult = List.copyOf(mult);
  }

  Net(String name, int size, int channels, int base, List<Integer> mult) {
    this(name, size, channels, base, mult, false);
  }

  int levels() {
    return mult.size();
  }

  /** The channels of a level; level 0 has the full resolution. */
  int channels(int level) {
    return base * mult.get(level);
  }

  /** Whether a level has attention. */
  boolean attends(int level) {
    return (level == levels() - 1) != takesText;
  }

  int normGroups() {
    return takesText ? 32 : 8;
  }

  /** The configuration of our network. */
  NetworkConfig config() {
    return takesText
        ? UNet2DConditionModel.Config.of(channels, size, size, TEXT_WIDTH, widths())
        : unet();
  }

  /** The configuration of our network that takes no texts. */
  UNetConfig unet() {
    Block[] blocks = new Block[levels()];
    for (int level = 0; level < levels(); level++) {
      blocks[level] = attends(level) ? Block.ATTENTION : Block.PLAIN;
    }
    return UNetConfig.builder(channels, size, size)
        .blockOutChannels(widths())
        .downBlocks(blocks)
        .layersPerBlock(LAYERS)
        .normGroups(normGroups())
        .normEps(NORM_EPS)
        .attentionHeadDim(null)
        .downsamplePadding(1)
        .build();
  }

  private Integer[] widths() {
    Integer[] widths = new Integer[levels()];
    Arrays.setAll(widths, this::channels);
    return widths;
  }

  @Override
  public String toString() {
    String multiples = mult.stream().map(String::valueOf).collect(Collectors.joining(","));
    return "%s: %dx%dx%d, base %d, mult %s".formatted(name, size, size, channels, base, multiples);
  }
}
