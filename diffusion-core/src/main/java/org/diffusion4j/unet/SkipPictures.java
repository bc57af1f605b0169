package org.diffusion4j.unet;

import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.UNetBlocks;
import org.diffusion4j.internal.nn.UNetBlocks.Change;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Norm;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The pictures of skip levels (NCSN++, Song et al. 2021, appendix H): the input, which each level
 * on the way down shrinks and adds to its result, and the output, to which each level on the way up
 * adds what it has found before it is enlarged.
 */
final class SkipPictures {

  private final Norm norm;
  private final UNetBlocks blocks;
  private final Layers layers;
  private FeatureMap input;
  private @Nullable FeatureMap output;

  SkipPictures(Norm norm, UNetBlocks blocks, Layers layers, FeatureMap input) {
    this.norm = norm;
    this.blocks = blocks;
    this.layers = layers;
    this.input = input;
  }

  /** Halves the size of a skip level's result, and adds the input. */
  FeatureMap down(String level, FeatureMap h, SDVariable time) {
    int channels = h.channels();
    FeatureMap half = changed(level + ".resnet_down", h, time, Change.FILTERED_DOWN);
    input = blocks.changed(input, Change.FILTERED_DOWN);
    SDVariable picture =
        layers.conv(level + ".skip_conv", input.value(), input.channels(), channels, 1);
    return half.of(picture.add(half.value()), channels);
  }

  /** Doubles the size of a skip level's result, after it is added to the output. */
  FeatureMap up(String level, FeatureMap h, SDVariable time) {
    int channels = h.channels();
    int groups = UNetNorms.second(norm, Block.SKIP, channels);
    SDVariable y = layers.silu(blocks.norm(level + ".skip_norm", h, groups));
    y = layers.conv(level + ".skip_conv", y, channels, UNetRules.SKIP_CHANNELS, 3);
    enlarge();
    output = h.of(output == null ? y : output.value().add(y), UNetRules.SKIP_CHANNELS);
    return changed(level + ".resnet_up", h, time, Change.FILTERED_UP);
  }

  /** Doubles the size of the output so far, as the last skip level does. */
  void enlarge() {
    output = output == null ? null : blocks.changed(output, Change.FILTERED_UP);
  }

  /** The network's output with that of the skip levels. */
  SDVariable addedTo(SDVariable y) {
    return output == null ? y : y.add(output.value());
  }

  private FeatureMap changed(String name, FeatureMap h, SDVariable time, Change change) {
    int channels = h.channels();
    int groups = UNetNorms.second(norm, Block.SKIP, channels);
    return blocks.residual(
        name,
        h,
        time,
        new UNetBlocks.Residual(channels, Block.SKIP.divisor(), groups, groups, change));
  }
}
