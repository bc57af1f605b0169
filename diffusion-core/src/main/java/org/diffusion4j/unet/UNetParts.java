package org.diffusion4j.unet;

import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.unet.UNetConfig.Attention;
import org.diffusion4j.unet.UNetConfig.Blocks;
import org.diffusion4j.unet.UNetConfig.Classes;
import org.diffusion4j.unet.UNetConfig.Norm;
import org.diffusion4j.unet.UNetConfig.Time;

/** What {@link UNetGraph} and {@link UNetShapes} build a U-Net from, for images and for series. */
record UNetParts(
    Grid grid,
    int sampleChannels,
    int pictureChannels,
    int outChannels,
    int height,
    int width,
    Blocks blocks,
    Norm norm,
    Attention attention,
    Time time,
    Classes classes,
    ActivationFunction activation,
    boolean centerInput,
    double dropout) {

  static UNetParts of(UNetConfig config) {
    return new UNetParts(
        Grid.PLANE,
        config.sampleChannels(),
        config.pictureChannels(),
        config.outChannels(),
        config.height(),
        config.width(),
        config.blocks(),
        config.norm(),
        config.attention(),
        config.time(),
        config.classes(),
        config.activation().function,
        config.centerInput(),
        config.dropout());
  }

  /** The channels of the first convolution's input. */
  int inChannels() {
    return sampleChannels + pictureChannels;
  }

  /** The width of the embedded timestep. */
  int timeChannels() {
    return time.dim().orElse(4 * blocks.first());
  }
}
