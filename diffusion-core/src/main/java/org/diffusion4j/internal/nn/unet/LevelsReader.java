package org.diffusion4j.internal.nn.unet;

import static org.diffusion4j.internal.nn.unet.UNetSettings.MOST_CHANNELS;
import static org.diffusion4j.internal.nn.unet.UNetSettings.in;
import static org.diffusion4j.internal.nn.unet.UNetSettings.integer;
import static org.diffusion4j.internal.nn.unet.UNetSettings.require;
import static org.diffusion4j.internal.nn.unet.UNetSettings.requireCount;
import static org.diffusion4j.internal.nn.unet.UNetSettings.requireDivides;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Block;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Level;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Middle;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.MiddleBlock;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Way;
import org.jspecify.annotations.Nullable;

/** Reads the levels and the middle of a {@link ConditionalUNet}. */
final class LevelsReader {

  private static final int MOST_LEVELS = 16;
  private static final int MOST_LAYERS = 64;

  private static final String HEADS = "attention_head_dim, which is the number of heads,";

  private static final Map<String, MiddleBlock> MIDDLES =
      Map.of(
          "UNetMidBlock2DCrossAttn",
          MiddleBlock.CROSS_ATTENTION,
          "UNetMidBlock2D",
          MiddleBlock.RESIDUAL);

  private final UNetSettings settings;

  LevelsReader(UNetSettings settings) {
    this.settings = settings;
  }

  /** The levels from the full resolution down. */
  List<Level> levels(int height, int width) {
    List<Integer> channels = settings.integers("block_out_channels");
    int count = channels.size();
    in("number of levels", count, 1, MOST_LEVELS);
    channels.forEach(c -> in("block_out_channels", c, 1, MOST_CHANNELS));
    List<Block> down = settings.allOf("down_block_types", blocks(block -> block.down));
    List<Block> up = settings.allOf("up_block_types", blocks(block -> block.up));
    requireCount("down_block_types", down, count);
    requireCount("up_block_types", up, count);
    List<?> layers = settings.perLevel("layers_per_block", count);
    List<?> heads = settings.perLevel("attention_head_dim", count);
    List<?> only = settings.perLevel("only_cross_attention", count);
    List<?> transformers = settings.perLevel("transformer_layers_per_block", count);
    List<?> upTransformers = upTransformers(transformers);
    List<Level> levels = new ArrayList<>();
    int h = height;
    int w = width;
    for (int i = 0; i < count; i++) {
      int blocks = integer("layers_per_block", layers.get(i), 1, MOST_LAYERS);
      int head = heads(heads.get(i));
      int fromUp = count - 1 - i;
      // diffusers does not reverse the sizes of heads for the way up.
      int upHead = heads(heads.get(fromUp));
      Level level =
          new Level(
              channels.get(i),
              head,
              UNetSettings.flag("only_cross_attention", only.get(i)),
              way(down.get(i), blocks, head, transformers.get(i)),
              way(up.get(fromUp), blocks + 1, upHead, upTransformers.get(fromUp)),
              h,
              w);
      requireDivisors(level);
      levels.add(level);
      if (i < count - 1) {
        boolean roundsUp =
            down.get(i) != Block.RESNET && settings.integer("downsample_padding", 0, 1) == 1;
        h = (h + (roundsUp ? 1 : 0)) / 2;
        w = (w + (roundsUp ? 1 : 0)) / 2;
      }
    }
    requireSizes(levels);
    return levels;
  }

  private static int heads(@Nullable Object value) {
    return integer("attention_head_dim", value, 1, MOST_CHANNELS);
  }

  private static Map<String, Block> blocks(Function<Block, String> name) {
    return Arrays.stream(Block.values()).collect(Collectors.toMap(name, block -> block));
  }

  /** The numbers of transformer layers in the order of the way up. */
  private List<?> upTransformers(List<?> down) {
    String key = "reverse_transformer_layers_per_block";
    if (settings.get(key) instanceof List<?> list) {
      requireCount(key, list, down.size());
      return list;
    }
    require(settings.isNull(key), key + " must be a list or null");
    require(
        down.stream().noneMatch(List.class::isInstance),
        key + " must be set where transformer_layers_per_block has lists but was null");
    List<Object> reversed = new ArrayList<>(down);
    Collections.reverse(reversed);
    return reversed;
  }

  private static Way way(Block block, int layers, int headChannels, @Nullable Object transformers) {
    String key = "transformer_layers_per_block";
    if (block != Block.CROSS_ATTENTION) {
      return new Way(block, layers, headChannels, List.of());
    }
    List<?> counts =
        transformers instanceof List<?> list ? list : Collections.nCopies(layers, transformers);
    require(
        counts.size() >= layers,
        key + " must be " + layers + " for a level's residual blocks but were " + counts.size());
    return new Way(
        block, layers, headChannels, counts.stream().map(LevelsReader::transformers).toList());
  }

  private static int transformers(@Nullable Object count) {
    String key = "transformer_layers_per_block";
    return integer(key, count, 0, MOST_LAYERS);
  }

  private void requireDivisors(Level level) {
    int groups = settings.channels("norm_num_groups");
    requireDivides("norm_num_groups", groups, level.channels());
    for (Way way : List.of(level.down(), level.up())) {
      if (way.crosses()) {
        requireDivides(HEADS, level.heads(), level.channels());
      } else if (way.block() == Block.ATTENTION) {
        requireDivides("attention_head_dim", way.headChannels(), level.channels());
      }
    }
  }

  /** Checks that every size can be halved, and doubled again. */
  private static void requireSizes(List<Level> levels) {
    Level first = levels.get(0);
    for (int i = 1; i < levels.size(); i++) {
      Level level = levels.get(i);
      Level above = levels.get(i - 1);
      require(
          level.height() >= 1 && level.width() >= 1,
          "height and width must be large enough for "
              + levels.size()
              + " levels but were "
              + first.height()
              + " x "
              + first.width());
      // A residual block that doubles, and that of attention, are not told the size in diffusers.
      boolean fits = level.up().block() == Block.PLAIN || level.up().crosses();
      require(
          fits || (above.height() == 2 * level.height() && above.width() == 2 * level.width()),
          "height and width must be divisible by "
              + (1 << (levels.size() - 1))
              + " with "
              + level.up().block().up
              + " but were "
              + first.height()
              + " x "
              + first.width());
    }
  }

  /**
   * The middle.
   *
   * @param deepest the last level
   */
  Middle middle(Level deepest) {
    double divisor = settings.positive("mid_block_scale_factor");
    if (settings.isNull("mid_block_type")) {
      return new Middle(MiddleBlock.NONE, 0, divisor);
    }
    MiddleBlock block = settings.oneOf("mid_block_type", MIDDLES);
    if (block == MiddleBlock.RESIDUAL) {
      return new Middle(block, 0, divisor);
    }
    requireDivides(HEADS, deepest.heads(), deepest.channels());
    Object count = settings.get("transformer_layers_per_block");
    // The first of the last level's: diffusers' middle has one transformer.
    count = count instanceof List<?> list ? list.get(list.size() - 1) : count;
    count = count instanceof List<?> list && !list.isEmpty() ? list.get(0) : count;
    return new Middle(block, transformers(count), divisor);
  }
}
