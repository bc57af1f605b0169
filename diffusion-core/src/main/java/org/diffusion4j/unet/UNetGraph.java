package org.diffusion4j.unet;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.UnaryOperator;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.UNetBlocks;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The noise-predicting U-Net (DDPM, Ho et al. 2020, appendix B) as a SameDiff graph: diffusers'
 * {@code UNet2DModel}, block by block and name by name. That of a series is that of an image of
 * height 1 whose kernels are rows, between two reshapes.
 */
final class UNetGraph {

  /** The random frequencies of a Fourier embedding, which are not trained. */
  static final String FOURIER_WEIGHT = "time_proj.weight";

  private final UNetParts config;
  private final Layers layers;
  private final UNetBlocks blocks;
  private final int timeChannels;

  private UNetGraph(UNetParts config, Layers layers) {
    this.config = config;
    this.layers = layers;
    this.timeChannels = config.timeChannels();
    boolean scaleShift = config.time().injection() == TimeInjection.SCALE_SHIFT;
    UNetBlocks.Style style =
        new UNetBlocks.Style(
            UNetNorms.outside(config.norm(), config.blocks().deepest()),
            config.norm().eps(),
            config.activation(),
            timeChannels,
            scaleShift,
            config.dropout());
    blocks = new UNetBlocks(style, layers);
  }

  static SameDiff build(UNetConfig config, long seed) {
    return build(config, new Layers(seed));
  }

  static SameDiff build(UNetConfig config, Layers layers) {
    return build(UNetParts.of(config), layers);
  }

  static SameDiff build(UNetParts config, Layers layers) {
    new UNetGraph(config, layers).build();
    return layers.sd;
  }

  private void build() {
    int base = config.blocks().first();
    SDVariable x = input();
    SDVariable t = layers.input(Graphs.TIMESTEP, -1, 1);
    SDVariable time = blocks.activated(timeAndClass(t));

    Deque<FeatureMap> skips = new ArrayDeque<>();
    SDVariable start = config.centerInput() ? x.mul(2).sub(1) : x;
    FeatureMap h =
        new FeatureMap(
            layers.conv("conv_in", start, config.inChannels(), base, 3),
            base,
            config.height(),
            config.width());
    skips.push(h);
    SkipPictures pictures =
        new SkipPictures(config.norm(), blocks, layers, h.of(start, config.inChannels()));
    h = down(h, time, skips, pictures);
    h = middle(h, time);
    h = up(h, time, skips, pictures);

    int groups = UNetNorms.outside(config.norm(), base);
    SDVariable y = layers.silu(blocks.norm("conv_norm_out", h, groups));
    y = pictures.addedTo(layers.conv("conv_out", y, base, config.outChannels(), 3));
    if (config.time().embedding() == TimeEmbedding.FOURIER) {
      y = y.div(layers.sd.reshape(t, -1, 1, 1, 1));
    }
    layers.output(
        config.grid() == Grid.LINE
            ? layers.sd.reshape(y, -1, config.outChannels(), config.width())
            : y);
  }

  private SDVariable input() {
    int channels = config.sampleChannels();
    if (config.grid() == Grid.PLANE) {
      return layers.samples(channels, config.pictureChannels(), config.height(), config.width());
    }
    SDVariable series = layers.input(Graphs.SAMPLE, -1, channels, config.width());
    return layers.sd.reshape(series, -1, channels, config.height(), config.width());
  }

  private SDVariable timeAndClass(SDVariable t) {
    UnaryOperator<SDVariable> project = projection();
    SDVariable time = layers.timeMlp("time_embedding", project.apply(t), projected(), timeChannels);
    if (config.classes().embedding() == ClassEmbedding.NONE) {
      return time;
    }
    if (config.classes().embedding() == ClassEmbedding.TIMESTEP) {
      SDVariable label = project.apply(layers.input(Graphs.CLASS, -1, 1));
      return time.add(layers.timeMlp("class_embedding", label, projected(), timeChannels));
    }
    int classes = config.classes().rows().orElseThrow();
    SDVariable oneHot = layers.input(Graphs.CLASS, -1, classes);
    return time.add(oneHot.mmul(layers.table("class_embedding.weight", classes, timeChannels)));
  }

  /** The embedding of timesteps, and of labels that are timesteps, with the same weights. */
  private UnaryOperator<SDVariable> projection() {
    int base = config.blocks().first();
    return switch (config.time().embedding()) {
      case POSITIONAL ->
          t -> layers.sinusoidal(t, base, config.time().flipSinToCos(), config.time().freqShift());
      case FOURIER -> {
        SDVariable frequencies = layers.frequencies(FOURIER_WEIGHT, base, 16);
        yield t -> layers.fourier(frequencies, layers.sd.math().log(t), base, false);
      }
      case LEARNED -> {
        int rows = config.time().trainTimesteps().orElseThrow();
        SDVariable table = layers.table("time_proj.weight", rows, base);
        yield t -> layers.lookup(table, t, rows);
      }
    };
  }

  private int projected() {
    int base = config.blocks().first();
    return config.time().embedding() == TimeEmbedding.FOURIER ? 2 * base : base;
  }

  private FeatureMap down(
      FeatureMap h, SDVariable time, Deque<FeatureMap> skips, SkipPictures pictures) {
    List<Integer> channels = config.blocks().channels();
    for (int i = 0; i < channels.size(); i++) {
      String name = "down_blocks." + i;
      Block kind = config.blocks().down().get(i);
      for (int j = 0; j < config.blocks().layers(); j++) {
        h = residual(name + ".resnets." + j, h, 0, time, kind, channels.get(i));
        if (kind.attends()) {
          h = attention(name + ".attentions." + j, h, kind);
        }
        skips.push(h);
      }
      if (i < channels.size() - 1 && kind.skips()) {
        h = pictures.down(name, h, time);
        skips.push(h);
      } else if (i < channels.size() - 1) {
        String sampler = name + ".downsamplers.0";
        h =
            resnetSampling(kind, config.blocks().downsampling())
                ? blocks.residualDown(sampler, h, time, 1)
                : blocks.downsample(sampler + ".conv", h, config.blocks().downsamplePadding());
        skips.push(h);
      }
    }
    return h;
  }

  private FeatureMap middle(FeatureMap h, SDVariable time) {
    double scale = config.blocks().midScale();
    h = blocks.residual("mid_block.resnets.0", h, time, h.channels(), scale);
    if (config.attention().middle()) {
      int outside = UNetNorms.outside(config.norm(), h.channels());
      // In diffusers this one has no norm if the time injection scales and shifts.
      int byDefault = config.time().injection() == TimeInjection.ADD ? outside : 0;
      int groups = config.attention().normGroups().orElse(byDefault);
      h = attention("mid_block.attentions.0", h, groups, scale);
    }
    return blocks.residual("mid_block.resnets.1", h, time, h.channels(), scale);
  }

  private FeatureMap up(
      FeatureMap h, SDVariable time, Deque<FeatureMap> skips, SkipPictures pictures) {
    int levels = config.blocks().channels().size();
    for (int i = 0; i < levels; i++) {
      String name = "up_blocks." + i;
      Block kind = config.blocks().up().get(i);
      int channels = config.blocks().channels().get(levels - 1 - i);
      for (int j = 0; j <= config.blocks().layers(); j++) {
        FeatureMap skip = skips.pop();
        h = layers.concat(h, skip);
        h = residual(name + ".resnets." + j, h, skip.channels(), time, kind, channels);
        if (kind == Block.ATTENTION) {
          h = attention(name + ".attentions." + j, h, kind);
        }
      }
      if (kind == Block.ATTENTION_SKIP) {
        h = attention(name + ".attentions.0", h, kind);
      }
      if (kind.skips()) {
        if (i < levels - 1) {
          h = pictures.up(name, h, time);
        } else {
          pictures.enlarge();
        }
      } else if (i < levels - 1) {
        String sampler = name + ".upsamplers.0";
        h =
            resnetSampling(kind, config.blocks().upsampling())
                ? blocks.residualUp(sampler, h, time, 1)
                : blocks.upsample(sampler + ".conv", h);
      }
    }
    return h;
  }

  static boolean resnetSampling(Block kind, Resampling how) {
    return kind == Block.RESNET || (kind == Block.ATTENTION && how == Resampling.RESNET);
  }

  /**
   * A residual block of a level.
   *
   * @param skip channels of the input that are from the way down
   */
  private FeatureMap residual(
      String name, FeatureMap in, int skip, SDVariable time, Block kind, int channels) {
    int groups = UNetNorms.first(config.norm(), kind, in.channels() - skip, skip);
    int groupsOut = UNetNorms.second(config.norm(), kind, channels);
    return blocks.residual(
        name,
        in,
        time,
        new UNetBlocks.Residual(
            channels, kind.divisor(), groups, groupsOut, UNetBlocks.Change.NONE));
  }

  private FeatureMap attention(String name, FeatureMap in, Block kind) {
    return attention(name, in, UNetNorms.attention(config.norm(), kind), kind.divisor());
  }

  private FeatureMap attention(String name, FeatureMap in, int groups, double scale) {
    int headChannels = config.attention().headDim().orElse(in.channels());
    return blocks.attention(name, in, groups, headChannels, scale);
  }
}
