package org.diffusion4j.unet;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.diffusion4j.unet.UNetConfig.Attention;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Blocks;
import org.diffusion4j.unet.UNetConfig.Norm;

/** The rules for the settings of a {@link UNetConfig} and for their combinations. */
final class UNetRules {

  private static final int MAX_LEVELS = 16;
  private static final int MAX_LAYERS = 64;
  private static final int MAX_BLOCKS = 256;
  private static final int MAX_CHANNELS = 1 << 16;
  private static final int MAX_SIDE = 1 << 14;
  private static final int MAX_LENGTH = 1 << 20;

  /** The channels of the pictures that skip levels add, which diffusers' classes fix. */
  static final int SKIP_CHANNELS = 3;

  private UNetRules() {}

  static void checkPictures(int pictures, int sample, int out) {
    require(
        pictures >= 0 && pictures <= MAX_CHANNELS,
        "picture channels must be in [0, " + MAX_CHANNELS + "] but were " + pictures);
    require(
        pictures == 0 || out == sample,
        "output channels must be those of a sample, "
            + sample
            + ", for a network that takes pictures but were "
            + out);
  }

  static void checkBlocks(List<Integer> channels, List<Block> down, List<Block> up, int layers) {
    int levels = channels.size();
    require(
        layers >= 1 && layers <= MAX_LAYERS,
        "layers per block must be in [1, " + MAX_LAYERS + "] but was " + layers);
    require(levels <= MAX_LEVELS, "levels must be at most " + MAX_LEVELS + " but were " + levels);
    require(levels >= 1, "block out channels must name at least one level");
    int blocks = levels * (2 * layers + 1);
    require(
        blocks <= MAX_BLOCKS,
        "layers per block and levels must give at most "
            + MAX_BLOCKS
            + " residual blocks but "
            + layers
            + " and "
            + levels
            + " give "
            + blocks);
    require(
        down.size() == levels && up.size() == levels,
        "down and up blocks must be as many as block out channels, "
            + levels
            + ", but were "
            + down.size()
            + " and "
            + up.size());
    for (int value : channels) {
      require(
          value >= 1 && value <= MAX_CHANNELS,
          "block out channels must be in [1, " + MAX_CHANNELS + "] but were " + value);
    }
  }

  static void checkGroupsAndHeads(Blocks blocks, Norm norm, Attention attention) {
    UNetNorms.check(blocks, norm);
    OptionalInt head = attention.headDim();
    for (int channels : blocks.channels()) {
      require(
          head.isEmpty()
              || channels % head.getAsInt() == 0
              || !attends(channels, blocks, attention),
          "attention head size must divide the channels where attention is but "
              + shown(head)
              + " does not divide "
              + channels);
    }
    int groups = attention.normGroups().orElse(1);
    require(
        blocks.deepest() % groups == 0,
        "attention norm groups must divide the channels of the deepest level, "
            + blocks.deepest()
            + ", but were "
            + groups);
  }

  private static boolean attends(int channels, Blocks blocks, Attention attention) {
    return (attention.middle() && channels == blocks.deepest())
        || IntStream.range(0, blocks.levels())
            .filter(level -> blocks.channels().get(level) == channels)
            .anyMatch(
                level ->
                    blocks.down().get(level).attends()
                        || blocks.up().get(blocks.levels() - 1 - level).attends());
  }

  /**
   * The pictures of skip levels have the resolution of the network only if no other level changes
   * it: before them on the way down, after them on the way up.
   */
  static void checkSkips(Blocks blocks, int inChannels, int outChannels) {
    checkSkips("down", blocks.down(), "input", inChannels, blocks.levels());
    List<Block> fromTheEnd = new ArrayList<>(blocks.up());
    Collections.reverse(fromTheEnd);
    checkSkips("up", fromTheEnd, "output", outChannels, blocks.levels());
  }

  /**
   * @param kinds from the full resolution
   * @param what has the picture
   */
  private static void checkSkips(
      String way, List<Block> kinds, String what, int channels, int levels) {
    boolean others = false;
    for (int i = 0; i < levels; i++) {
      // What does not change the resolution adds no picture.
      boolean adds = kinds.get(i).skips() && (way.equals("up") ? i > 0 : i < levels - 1);
      require(
          !adds || !others,
          "skip levels on the way "
              + way
              + " must be those of the highest resolutions but were "
              + kinds
              + " from the full one");
      require(
          !adds || channels == SKIP_CHANNELS,
          what
              + " channels must be "
              + SKIP_CHANNELS
              + " for skip levels on the way "
              + way
              + " but were "
              + channels);
      others |= !kinds.get(i).skips();
    }
  }

  static void checkFrequencies(int channels, double shift) {
    require(channels % 2 == 0, "channels of the first level must be even but were " + channels);
    int frequencies = channels / 2;
    require(
        frequencies > shift,
        "frequency shift must be less than " + frequencies + " but was " + shift);
  }

  static void checkSize(int height, int width, int levels) {
    require(
        height <= MAX_SIDE && width <= MAX_SIDE,
        "height and width must be at most " + MAX_SIDE + " but were " + height + " x " + width);
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
            + sizesThatDo(height, width, unit));
  }

  static void checkLength(int length, int levels) {
    require(
        length >= 1 && length <= MAX_LENGTH,
        "length must be in [1, " + MAX_LENGTH + "] but was " + length);
    int unit = 1 << (levels - 1);
    long above = roundedUp(length, unit);
    require(
        length % unit == 0,
        "length must be divisible by "
            + unit
            + " for "
            + levels
            + " levels but was "
            + length
            + "; "
            + (above == unit ? "" : above - unit + " or ")
            + above
            + " would do");
  }

  /** Advice such as {@code 96 x 96 or 104 x 104 would do, or at most 3 levels}. */
  private static String sizesThatDo(int height, int width, int unit) {
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

  static void requirePositive(String what, int value) {
    require(value > 0, what + " must be positive but was " + value);
  }

  static void requireChannels(String what, int value) {
    requirePositive(what, value);
    require(
        value <= MAX_CHANNELS, what + " must be at most " + MAX_CHANNELS + " but were " + value);
  }

  static String shown(OptionalInt value) {
    return value.isPresent() ? String.valueOf(value.getAsInt()) : "null";
  }

  static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
