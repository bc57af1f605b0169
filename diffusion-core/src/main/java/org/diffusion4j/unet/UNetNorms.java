package org.diffusion4j.unet;

import java.util.ArrayDeque;
import java.util.Deque;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Blocks;
import org.diffusion4j.unet.UNetConfig.Norm;

/**
 * The groups of the normalisations. Those of skip levels follow from the channels (score SDE's
 * {@code min(channels / 4, 32)}), whatever the configuration says for other levels.
 */
final class UNetNorms {

  private static final int MOST = 32;

  /** The groups of the attention of skip levels. */
  private static final int OF_ATTENTION = 32;

  private UNetNorms() {}

  /**
   * The groups of a residual block's first normalisation.
   *
   * @param in channels from the block before
   * @param skip channels from the way down; 0 on the way down
   */
  static int first(Norm norm, Block kind, int in, int skip) {
    // So diffusers' AttnSkipUpBlock2D has it, and the models that were trained with it.
    return kind == Block.ATTENTION_SKIP && skip > 0
        ? Math.min(in + skip / 4, MOST)
        : second(norm, kind, in + skip);
  }

  /** The groups of other normalisations of a level. */
  static int second(Norm norm, Block kind, int channels) {
    return kind.skips() ? byChannels(channels) : norm.groups().orElse(0);
  }

  static int attention(Norm norm, Block kind) {
    return kind.skips() ? OF_ATTENTION : norm.groups().orElse(0);
  }

  /** The groups of the normalisations in the middle and at the end, which are in no level. */
  static int outside(Norm norm, int channels) {
    return norm.groups().orElse(byChannels(channels));
  }

  private static int byChannels(int channels) {
    return Math.min(channels / 4, MOST);
  }

  /** Refuses groups that do not divide the channels of some normalisation. */
  static void check(Blocks blocks, Norm norm) {
    int levels = blocks.levels();
    int channels = blocks.first();
    Deque<Integer> skips = new ArrayDeque<>();
    skips.push(channels);
    for (int i = 0; i < levels; i++) {
      Block kind = blocks.down().get(i);
      for (int j = 0; j < blocks.layers(); j++) {
        level(norm, kind, channels, 0, blocks.channels().get(i));
        channels = blocks.channels().get(i);
        skips.push(channels);
      }
      if (i < levels - 1) {
        skips.push(channels);
      }
    }
    require(outside(norm, channels), channels);
    for (int i = levels - 1; i >= 0; i--) {
      Block kind = blocks.up().get(levels - 1 - i);
      for (int j = 0; j <= blocks.layers(); j++) {
        level(norm, kind, channels, skips.pop(), blocks.channels().get(i));
        channels = blocks.channels().get(i);
      }
    }
    require(outside(norm, channels), channels);
  }

  private static void level(Norm norm, Block kind, int in, int skip, int out) {
    UNetRules.require(
        kind.skips() || norm.groups().isPresent(),
        "norm groups must be set for levels other than skip levels but were null");
    require(first(norm, kind, in, skip), in + skip);
    require(second(norm, kind, out), out);
    if (kind.attends()) {
      require(attention(norm, kind), out);
    }
  }

  private static void require(int groups, int channels) {
    UNetRules.require(
        groups > 0 && channels % groups == 0,
        "norm groups must divide the channels of every level but "
            + groups
            + " does not divide "
            + channels);
  }
}
