package org.diffusion4j.unet;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.UnaryOperator;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.internal.nn.Layers;
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
  private final int timeChannels;

  private UNetGraph(UNetParts config, Layers layers) {
    this.config = config;
    this.layers = layers;
    this.timeChannels = config.timeChannels();
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
    SDVariable time = layers.silu(timeAndClass(t));

    Deque<FeatureMap> skips = new ArrayDeque<>();
    SDVariable start = config.centerInput() ? x.mul(2).sub(1) : x;
    FeatureMap h =
        new FeatureMap(
            layers.conv("conv_in", start, config.inChannels(), base, 3),
            base,
            config.height(),
            config.width());
    skips.push(h);
    h = down(h, time, skips);
    h = middle(h, time);
    h = up(h, time, skips);

    SDVariable y = layers.silu(norm("conv_norm_out", h, config.norm().groups()));
    y = layers.conv("conv_out", y, base, config.outChannels(), 3);
    if (config.time().embedding() == TimeEmbedding.FOURIER) {
      y = y.div(layers.sd.reshape(t, -1, 1, 1, 1));
    }
    layers.output(
        config.grid() == Grid.LINE
            ? layers.sd.reshape(y, -1, config.outChannels(), config.width())
            : y);
  }

  private SDVariable input() {
    int channels = config.inChannels();
    if (config.grid() == Grid.PLANE) {
      return layers.input(Graphs.SAMPLE, -1, channels, config.height(), config.width());
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
        SDVariable frequencies = layers.frequencies(FOURIER_WEIGHT, base);
        yield t -> layers.fourier(frequencies, t, base);
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

  private FeatureMap down(FeatureMap h, SDVariable time, Deque<FeatureMap> skips) {
    List<Integer> channels = config.blocks().channels();
    for (int i = 0; i < channels.size(); i++) {
      String name = "down_blocks." + i;
      Block kind = config.blocks().down().get(i);
      for (int j = 0; j < config.blocks().layers(); j++) {
        h = residual(name + ".resnets." + j, h, time, channels.get(i), Resample.NONE, 1);
        if (kind == Block.ATTENTION) {
          h = attention(name + ".attentions." + j, h, config.norm().groups(), 1);
        }
        skips.push(h);
      }
      if (i < channels.size() - 1) {
        String sampler = name + ".downsamplers.0";
        h =
            resnetSampling(kind, config.blocks().downsampling())
                ? residual(sampler, h, time, h.channels(), Resample.DOWN, 1)
                : halved(
                    h,
                    layers.downsample(
                        sampler + ".conv",
                        h.value(),
                        h.channels(),
                        config.blocks().downsamplePadding()));
        skips.push(h);
      }
    }
    return h;
  }

  private FeatureMap middle(FeatureMap h, SDVariable time) {
    double scale = config.blocks().midScale();
    h = residual("mid_block.resnets.0", h, time, h.channels(), Resample.NONE, scale);
    if (config.attention().middle()) {
      // In diffusers this one has no norm if the time injection scales and shifts.
      int byDefault = config.time().injection() == TimeInjection.ADD ? config.norm().groups() : 0;
      int groups = config.attention().normGroups().orElse(byDefault);
      h = attention("mid_block.attentions.0", h, groups, scale);
    }
    return residual("mid_block.resnets.1", h, time, h.channels(), Resample.NONE, scale);
  }

  private FeatureMap up(FeatureMap h, SDVariable time, Deque<FeatureMap> skips) {
    int levels = config.blocks().channels().size();
    for (int i = 0; i < levels; i++) {
      String name = "up_blocks." + i;
      Block kind = config.blocks().up().get(i);
      int channels = config.blocks().channels().get(levels - 1 - i);
      for (int j = 0; j <= config.blocks().layers(); j++) {
        h = layers.concat(h, skips.pop());
        h = residual(name + ".resnets." + j, h, time, channels, Resample.NONE, 1);
        if (kind == Block.ATTENTION) {
          h = attention(name + ".attentions." + j, h, config.norm().groups(), 1);
        }
      }
      if (i < levels - 1) {
        String sampler = name + ".upsamplers.0";
        h =
            resnetSampling(kind, config.blocks().upsampling())
                ? residual(sampler, h, time, h.channels(), Resample.UP, 1)
                : doubled(
                    h,
                    layers.conv(
                        sampler + ".conv",
                        layers.nearest(h.value()),
                        h.channels(),
                        h.channels(),
                        3));
      }
    }
    return h;
  }

  static boolean resnetSampling(Block kind, Resampling how) {
    return kind == Block.RESNET || (kind == Block.ATTENTION && how == Resampling.RESNET);
  }

  private enum Resample {
    NONE,
    DOWN,
    UP
  }

  /**
   * Norm, SiLU, convolution, time, norm, SiLU, dropout, convolution, with a residual connection.
   */
  private FeatureMap residual(
      String name, FeatureMap in, SDVariable time, int channels, Resample how, double scale) {
    SDVariable y = layers.silu(norm(name + ".norm1", in, config.norm().groups()));
    FeatureMap around = in;
    if (how != Resample.NONE) {
      y = resample(y, how);
      SDVariable resampled = resample(in.value(), how);
      around = how == Resample.DOWN ? halved(in, resampled) : doubled(in, resampled);
    }
    y = layers.conv(name + ".conv1", y, in.channels(), channels, 3);
    boolean scaleShift = config.time().injection() == TimeInjection.SCALE_SHIFT;
    SDVariable injected =
        layers.dense(
            name + ".time_emb_proj", time, timeChannels, scaleShift ? 2 * channels : channels);
    if (scaleShift) {
      y = norm(name + ".norm2", around.of(y, channels), config.norm().groups());
      y = layers.scaleShift(y, injected, channels);
    } else {
      y = y.add(layers.sd.reshape(injected, -1, channels, 1, 1));
      y = norm(name + ".norm2", around.of(y, channels), config.norm().groups());
    }
    y = dropout(name, around.of(layers.silu(y), channels));
    y = layers.conv(name + ".conv2", y, channels, channels, 3);
    SDVariable shortcut =
        in.channels() == channels
            ? around.value()
            : layers.conv(name + ".conv_shortcut", around.value(), in.channels(), channels, 1);
    return around.of(scaled(shortcut.add(y), scale), channels);
  }

  /** A product with a mask from {@link GraphRunner}; outside of training it has only ones. */
  private SDVariable dropout(String name, FeatureMap in) {
    if (config.dropout() == 0) {
      return in.value();
    }
    SDVariable mask =
        layers.input(name + Graphs.DROPOUT, -1, in.channels(), in.height(), in.width());
    return in.value().mul(mask);
  }

  private SDVariable resample(SDVariable x, Resample how) {
    return how == Resample.DOWN ? layers.averagePool(x) : layers.nearest(x);
  }

  /** Scaled dot-product self-attention over all pixels, with a residual connection. */
  private FeatureMap attention(String name, FeatureMap in, int groups, double scale) {
    SDVariable y = groups == 0 ? in.value() : norm(name + ".group_norm", in, groups);
    int channels = in.channels();
    int headChannels = config.attention().headDim().orElse(channels);
    int pixels = in.height() * in.width();
    SDVariable q = heads(layers.pointwise(name + ".to_q", y, channels), headChannels, pixels);
    SDVariable k = heads(layers.pointwise(name + ".to_k", y, channels), headChannels, pixels);
    SDVariable v = heads(layers.pointwise(name + ".to_v", y, channels), headChannels, pixels);
    SDVariable scores = layers.sd.mmul(q, k, true, false, false).mul(1 / Math.sqrt(headChannels));
    SDVariable weights = layers.sd.nn().softmax(scores, -1);
    SDVariable mixed = layers.sd.mmul(v, weights, false, true, false);
    y = layers.sd.reshape(mixed, -1, channels, in.height(), in.width());
    y = layers.pointwise(name + ".to_out.0", y, channels);
    return in.of(scaled(in.value().add(y), scale), channels);
  }

  /** {@code [batch, channels, height, width]} as {@code [batch * heads, head channels, pixels]}. */
  private SDVariable heads(SDVariable x, int headChannels, int pixels) {
    return layers.sd.reshape(x, -1, headChannels, pixels);
  }

  private FeatureMap halved(FeatureMap of, SDVariable value) {
    int factor = config.grid().height(2, 1);
    return new FeatureMap(value, of.channels(), of.height() / factor, of.width() / 2);
  }

  private FeatureMap doubled(FeatureMap of, SDVariable value) {
    int factor = config.grid().height(2, 1);
    return new FeatureMap(value, of.channels(), of.height() * factor, of.width() * 2);
  }

  private SDVariable norm(String name, FeatureMap x, int groups) {
    return layers.groupNorm(name, x, groups, config.norm().eps());
  }

  private static SDVariable scaled(SDVariable x, double divisor) {
    return divisor == 1 ? x : x.mul(1 / divisor);
  }
}
