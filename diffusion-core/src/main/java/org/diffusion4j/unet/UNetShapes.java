package org.diffusion4j.unet;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;

/** The shapes of the weights of {@link UNetGraph}, in the same order, without a graph. */
final class UNetShapes {

  private final WeightShapes shapes;
  private final UNetParts config;
  private final long timeChannels;

  private UNetShapes(UNetParts config) {
    shapes = new WeightShapes(config.grid());
    this.config = config;
    this.timeChannels = config.timeChannels();
  }

  static Map<String, long[]> of(UNetParts config) {
    UNetShapes network = new UNetShapes(config);
    network.build();
    return network.shapes.all();
  }

  private void build() {
    int base = config.blocks().first();
    timeAndClass(base);
    shapes.conv("conv_in", config.inChannels(), base, 3);
    Deque<Integer> skips = new ArrayDeque<>();
    skips.push(base);
    int deepest = down(base, skips);
    middle(deepest);
    up(deepest, skips);
    shapes.norm("conv_norm_out", base);
    shapes.conv("conv_out", base, config.outChannels(), 3);
  }

  private void timeAndClass(int base) {
    long projected = base;
    switch (config.time().embedding()) {
      case POSITIONAL -> {}
      case FOURIER -> {
        shapes.add(UNetGraph.FOURIER_WEIGHT, base);
        projected = 2L * base;
      }
      case LEARNED ->
          shapes.add("time_proj.weight", config.time().trainTimesteps().orElseThrow(), base);
    }
    shapes.timeMlp("time_embedding", projected, timeChannels);
    if (config.classes().embedding() == ClassEmbedding.TIMESTEP) {
      shapes.timeMlp("class_embedding", projected, timeChannels);
    } else if (config.classes().embedding() == ClassEmbedding.TABLE) {
      shapes.add("class_embedding.weight", config.classes().rows().orElseThrow(), timeChannels);
    }
  }

  private int down(int base, Deque<Integer> skips) {
    List<Integer> levels = config.blocks().channels();
    int channels = base;
    for (int i = 0; i < levels.size(); i++) {
      String name = "down_blocks." + i;
      Block kind = config.blocks().down().get(i);
      for (int j = 0; j < config.blocks().layers(); j++) {
        residual(name + ".resnets." + j, channels, levels.get(i));
        channels = levels.get(i);
        if (kind.attends()) {
          attention(name + ".attentions." + j, channels, true);
        }
        skips.push(channels);
      }
      if (i < levels.size() - 1 && kind.skips()) {
        residual(name + ".resnet_down", channels, channels, true);
        shapes.conv(name + ".skip_conv", config.inChannels(), channels, 1);
        skips.push(channels);
      } else if (i < levels.size() - 1) {
        sampling(name + ".downsamplers.0", kind, config.blocks().downsampling(), channels);
        skips.push(channels);
      }
    }
    return channels;
  }

  private void middle(int channels) {
    residual("mid_block.resnets.0", channels, channels);
    if (config.attention().middle()) {
      boolean normed =
          config.attention().normGroups().isPresent()
              || config.time().injection() == TimeInjection.ADD;
      attention("mid_block.attentions.0", channels, normed);
    }
    residual("mid_block.resnets.1", channels, channels);
  }

  private void up(int deepest, Deque<Integer> skips) {
    List<Integer> levels = config.blocks().channels();
    int channels = deepest;
    for (int i = 0; i < levels.size(); i++) {
      String name = "up_blocks." + i;
      Block kind = config.blocks().up().get(i);
      int out = levels.get(levels.size() - 1 - i);
      for (int j = 0; j <= config.blocks().layers(); j++) {
        residual(name + ".resnets." + j, channels + skips.pop(), out);
        channels = out;
        if (kind == Block.ATTENTION) {
          attention(name + ".attentions." + j, channels, true);
        }
      }
      if (kind == Block.ATTENTION_SKIP) {
        attention(name + ".attentions.0", channels, true);
      }
      if (i < levels.size() - 1 && kind.skips()) {
        shapes.norm(name + ".skip_norm", channels);
        shapes.conv(name + ".skip_conv", channels, UNetRules.SKIP_CHANNELS, 3);
        residual(name + ".resnet_up", channels, channels, true);
      } else if (i < levels.size() - 1) {
        sampling(name + ".upsamplers.0", kind, config.blocks().upsampling(), channels);
      }
    }
  }

  private void sampling(String name, Block kind, UNetConfig.Resampling how, int channels) {
    if (UNetGraph.resnetSampling(kind, how)) {
      residual(name, channels, channels);
    } else {
      shapes.conv(name + ".conv", channels, channels, 3);
    }
  }

  private void residual(String name, int in, int out) {
    residual(name, in, out, in != out);
  }

  private void residual(String name, int in, int out, boolean shortcut) {
    shapes.norm(name + ".norm1", in);
    shapes.conv(name + ".conv1", in, out, 3);
    boolean scaleShift = config.time().injection() == TimeInjection.SCALE_SHIFT;
    shapes.dense(name + ".time_emb_proj", timeChannels, scaleShift ? 2L * out : out);
    shapes.norm(name + ".norm2", out);
    shapes.conv(name + ".conv2", out, out, 3);
    if (shortcut) {
      shapes.conv(name + ".conv_shortcut", in, out, 1);
    }
  }

  private void attention(String name, int channels, boolean normed) {
    if (normed) {
      shapes.norm(name + ".group_norm", channels);
    }
    for (String part : List.of(".to_q", ".to_k", ".to_v", ".to_out.0")) {
      shapes.dense(name + part, channels, channels);
    }
  }
}
