package org.diffusion4j.benchmarks;

import java.util.List;
import java.util.stream.Collectors;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;

/**
 * A U-Net that every contestant can build: diffusers' {@code UNet2DModel} with two layers per
 * block, 8 norm groups and one attention head, with attention at the lowest resolution and in the
 * middle.
 *
 * @param name its name
 * @param size height and width of the images in pixels
 * @param channels of the images
 * @param base channels of the first level
 * @param mult channels of each level as multiples of {@code base}, from the full resolution down
 */
record Net(String name, int size, int channels, int base, List<Integer> mult) {

  static final int LAYERS = 2;
  static final int NORM_GROUPS = 8;
  static final double NORM_EPS = 1e-5;

  static final Net STANDARD = new Net("standard", 32, 1, 32, List.of(1, 2, 4));
  static final Net FASHION = new Net("fashion", 28, 1, 32, List.of(1, 2, 4));
  static final Net CIFAR = new Net("cifar", 32, 3, 64, List.of(1, 2, 4));

  Net {
    mult = List.copyOf(mult);
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
    return level == levels() - 1;
  }

  /** The configuration of our {@code UNet}. */
  UNetConfig config() {
    Block[] blocks = new Block[levels()];
    Integer[] widths = new Integer[levels()];
    for (int level = 0; level < levels(); level++) {
      blocks[level] = attends(level) ? Block.ATTENTION : Block.PLAIN;
      widths[level] = channels(level);
    }
    return UNetConfig.builder(channels, size, size)
        .blockOutChannels(widths)
        .downBlocks(blocks)
        .layersPerBlock(LAYERS)
        .normGroups(NORM_GROUPS)
        .normEps(NORM_EPS)
        .attentionHeadDim(null)
        .downsamplePadding(1)
        .build();
  }

  @Override
  public String toString() {
    String multiples = mult.stream().map(String::valueOf).collect(Collectors.joining(","));
    return "%s: %dx%dx%d, base %d, mult %s".formatted(name, size, size, channels, base, multiples);
  }
}
