package org.diffusion4j.internal.nn.unet;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.UNetBlocks;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Block;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Level;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.MiddleBlock;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Style;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Text;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Way;
import org.diffusion4j.internal.nn.unet.TransformerBlocks.Context;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The U-Net of Latent Diffusion (Rombach et al. 2022) as operations of a graph: diffusers' {@code
 * UNet2DConditionModel}, block by block and name by name.
 */
public final class ConditionalUNetGraph {

  /** What a masked token's score gets. */
  private static final double MASKED = 10_000;

  private final ConditionalUNet net;
  private final Layers layers;
  private final UNetBlocks blocks;
  private final @Nullable TransformerBlocks transformers;
  private final SDVariable time;
  private final SDVariable timeOfResnets;

  private ConditionalUNetGraph(
      ConditionalUNet net, Layers layers, SDVariable timestep, @Nullable SDVariable tokens) {
    this.net = net;
    this.layers = layers;
    Style style = net.style();
    int timeChannels = net.time().channels() * (net.labels().concatenated() ? 2 : 1);
    blocks =
        new UNetBlocks(
            new UNetBlocks.Style(
                style.groups(),
                style.eps(),
                style.activation(),
                timeChannels,
                style.scaleShift(),
                style.dropout()),
            layers);
    SDVariable embedded = new TimeAndLabels(net, layers).of(timestep);
    time = blocks.activated(embedded);
    timeOfResnets = style.skipTimeActivation() ? embedded : time;
    transformers =
        tokens == null
            ? null
            : new TransformerBlocks(
                layers, style.groups(), net.linearProjection(), context(tokens));
  }

  /** Builds the network with placeholders for its inputs, and sets the graph's output. */
  public static void build(Layers layers, ConditionalUNet net) {
    SDVariable sample = samples(layers, net);
    SDVariable timestep = layers.input(Graphs.TIMESTEP, -1, 1);
    SDVariable tokens =
        net.readsText()
            ? layers.input(Graphs.EMBEDDINGS, -1, net.text().tokens(), net.text().width())
            : null;
    layers.output(build(layers, net, sample, timestep, tokens));
  }

  /** The placeholders for samples and pictures, as the network's input. */
  public static SDVariable samples(Layers layers, ConditionalUNet net) {
    int channels = net.sampleChannels();
    return layers.samples(channels, net.inChannels() - channels, net.height(), net.width());
  }

  /**
   * Adds the network to a graph. Inputs other than these become placeholders.
   *
   * @param layers get the weights; {@link Layers#within} gives their names a prefix
   * @param sample {@code [n, channels, height, width]}
   * @param timestep {@code [n, 1]}
   * @param tokens the text embeddings, {@code [n, tokens, width]} or {@code [n * tokens, width]};
   *     null if the network reads no text
   * @return the output, {@code [n, outChannels, height, width]}
   */
  public static SDVariable build(
      Layers layers,
      ConditionalUNet net,
      SDVariable sample,
      SDVariable timestep,
      @Nullable SDVariable tokens) {
    return new ConditionalUNetGraph(net, layers, timestep, tokens).build(sample);
  }

  private Context context(SDVariable tokens) {
    Text text = net.text();
    SDVariable rows = layers.sd.reshape(tokens, -1, text.width());
    if (text.projected()) {
      rows = layers.dense("encoder_hid_proj", rows, text.width(), text.crossWidth());
    }
    SDVariable bias = null;
    if (text.masked()) {
      SDVariable mask = layers.input(Graphs.MASK, -1, text.tokens());
      bias = layers.sd.reshape(mask.sub(1).mul(MASKED), -1, 1, 1, text.tokens());
    }
    return new Context(rows, text.tokens(), text.crossWidth(), bias);
  }

  private SDVariable build(SDVariable sample) {
    SDVariable start = net.centerInput() ? sample.mul(2).sub(1) : sample;
    int base = net.levels().get(0).channels();
    FeatureMap h =
        new FeatureMap(
            layers.conv("conv_in", start, net.inChannels(), base, net.inKernel()),
            base,
            net.height(),
            net.width());
    List<FeatureMap> skips = new ArrayList<>(List.of(h));
    h = down(h, skips);
    Deque<FeatureMap> stack = new ArrayDeque<>();
    for (int k = 0; k < skips.size(); k++) {
      stack.push(withResidual(skips.get(k), Graphs.DOWN_RESIDUAL + k));
    }
    h = withResidual(middle(h), Graphs.MIDDLE_RESIDUAL);
    h = up(h, stack);
    SDVariable y = blocks.activated(blocks.norm("conv_norm_out", h));
    return layers.conv("conv_out", y, base, net.outChannels(), net.outKernel());
  }

  /** ControlNet (Zhang et al. 2023) adds its outputs there. */
  private FeatureMap withResidual(FeatureMap h, String name) {
    if (!net.residuals()) {
      return h;
    }
    SDVariable residual = layers.input(name, -1, h.channels(), h.height(), h.width());
    return h.of(h.value().add(residual), h.channels());
  }

  private FeatureMap down(FeatureMap from, List<FeatureMap> skips) {
    FeatureMap h = from;
    for (int i = 0; i < net.levels().size(); i++) {
      String name = "down_blocks." + i;
      Level level = net.levels().get(i);
      for (int j = 0; j < level.down().layers(); j++) {
        h = layer(name, j, h, level, level.down());
        skips.add(h);
      }
      if (i < net.levels().size() - 1) {
        String sampler = name + ".downsamplers.0";
        h =
            level.down().block() == Block.RESNET
                ? blocks.residualDown(sampler, h, timeOfResnets, net.style().resnetDivisor())
                : blocks.downsample(sampler + ".conv", h, net.downsamplePadding());
        skips.add(h);
      }
    }
    return h;
  }

  private FeatureMap up(FeatureMap from, Deque<FeatureMap> skips) {
    FeatureMap h = from;
    int last = net.levels().size() - 1;
    for (int i = 0; i <= last; i++) {
      String name = "up_blocks." + i;
      Level level = net.levels().get(last - i);
      for (int j = 0; j < level.up().layers(); j++) {
        h = layer(name, j, layers.concat(h, skips.pop()), level, level.up());
      }
      if (i < last) {
        String sampler = name + ".upsamplers.0";
        Level next = net.levels().get(last - i - 1);
        h =
            level.up().block() == Block.RESNET
                ? blocks.residualUp(sampler, h, timeOfResnets, net.style().resnetDivisor())
                : blocks.upsample(sampler + ".conv", h, next.height(), next.width());
      }
    }
    return h;
  }

  /** A residual block, and what follows it. */
  private FeatureMap layer(String name, int j, FeatureMap in, Level level, Way way) {
    boolean resnet = way.block() == Block.RESNET;
    FeatureMap h =
        blocks.residual(
            name + ".resnets." + j,
            in,
            resnet ? timeOfResnets : time,
            level.channels(),
            resnet ? net.style().resnetDivisor() : 1);
    String attention = name + ".attentions." + j;
    return switch (way.block()) {
      case CROSS_ATTENTION ->
          transformer(attention, h, level.heads(), way.transformers().get(j), level.onlyCross());
      case ATTENTION -> blocks.attention(attention, h, net.style().groups(), way.headChannels(), 1);
      default -> h;
    };
  }

  private FeatureMap middle(FeatureMap in) {
    if (net.middle().block() == MiddleBlock.NONE) {
      return in;
    }
    double divisor = net.middle().divisor();
    FeatureMap h = blocks.residual("mid_block.resnets.0", in, time, in.channels(), divisor);
    if (net.middle().block() == MiddleBlock.RESIDUAL) {
      return h;
    }
    int heads = net.deepest().heads();
    h = transformer("mid_block.attentions.0", h, heads, net.middle().transformers(), false);
    return blocks.residual("mid_block.resnets.1", h, time, h.channels(), divisor);
  }

  private FeatureMap transformer(
      String name, FeatureMap in, int heads, int count, boolean onlyCross) {
    if (transformers == null) {
      throw new IllegalArgumentException(
          "tokens must be present for cross-attention but were null");
    }
    return transformers.transformer(name, in, heads, count, onlyCross);
  }
}
