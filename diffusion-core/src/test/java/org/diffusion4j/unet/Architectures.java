package org.diffusion4j.unet;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.diffusion4j.unet.UNetConfig.Activation;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;

/** Tiny U-Nets, one for each thing that a U-Net may have. */
final class Architectures {

  private Architectures() {}

  /** One channel of 8 x 8, two levels of 8 and 16 channels, two attention heads in the middle. */
  static UNetConfig.Builder tiny() {
    return UNetConfig.builder(1, 8, 8)
        .blockOutChannels(8, 16)
        .downBlocks(Block.PLAIN, Block.PLAIN)
        .layersPerBlock(1)
        .normGroups(4)
        .attentionHeadDim(8);
  }

  static Map<String, UNetConfig> all() {
    Map<String, UNetConfig.Builder> all = new LinkedHashMap<>();
    all.put("attention", tiny().downBlocks(Block.PLAIN, Block.ATTENTION));
    all.put("no attention", tiny().midAttention(false));
    all.put("one head", tiny().attentionHeadDim(null));
    all.put("attention norm groups", tiny().attentionNormGroups(2));
    all.put("scale and shift", tiny().timeInjection(TimeInjection.SCALE_SHIFT));
    all.put(
        "residual resampling of attention levels",
        tiny()
            .downBlocks(Block.ATTENTION, Block.PLAIN)
            .downsampling(Resampling.RESNET)
            .upsampling(Resampling.RESNET));
    all.put("residual resampling levels", tiny().downBlocks(Block.RESNET, Block.RESNET));
    all.put(
        "up blocks of their own",
        tiny().downBlocks(Block.RESNET, Block.PLAIN).upBlocks(Block.ATTENTION, Block.PLAIN));
    all.put("padding 0", tiny().downsamplePadding(0));
    all.put("Fourier", tiny().timeEmbedding(TimeEmbedding.FOURIER));
    all.put("learned times", tiny().timeEmbedding(TimeEmbedding.LEARNED).trainTimesteps(100));
    all.put("class table", tiny().classes(3));
    all.put("class timestep", tiny().classEmbedding(ClassEmbedding.TIMESTEP));
    all.put(
        "class timestep, learned times",
        tiny()
            .classEmbedding(ClassEmbedding.TIMESTEP)
            .timeEmbedding(TimeEmbedding.LEARNED)
            .trainTimesteps(100));
    all.put(
        "class timestep, Fourier",
        tiny().classEmbedding(ClassEmbedding.TIMESTEP).timeEmbedding(TimeEmbedding.FOURIER));
    all.put("mid-block scale", tiny().midBlockScale(Math.sqrt(2)));
    all.put("GELU", tiny().activation(Activation.GELU));
    all.put("Mish", tiny().activation(Activation.MISH));
    all.put("ReLU", tiny().activation(Activation.RELU));
    all.put("centred input", tiny().centerInput(true));
    all.put("sines first, shifted", tiny().flipSinToCos(false).freqShift(1));
    all.put("rectangular images, two layers", rectangular());
    all.put("pictures, centred", tiny().pictureChannels(2).centerInput(true));
    all.put("skip levels", skips(Block.SKIP, Block.SKIP));
    all.put("skip levels with attention", skips(Block.ATTENTION_SKIP, Block.ATTENTION_SKIP));
    all.put(
        "skip levels of high resolution alone",
        skips(Block.SKIP, Block.PLAIN).normGroups(4).timeInjection(TimeInjection.SCALE_SHIFT));
    all.put("one level", tiny().blockOutChannels(8).downBlocks(Block.ATTENTION));
    return build(all);
  }

  /** Few U-Nets that have, with the {@link #combined} ones, everything of {@link #all}. */
  static Map<String, UNetConfig> paired() {
    Map<String, UNetConfig.Builder> all = new LinkedHashMap<>();
    all.put(
        "no attention, Fourier, Mish",
        tiny()
            .midAttention(false)
            .timeEmbedding(TimeEmbedding.FOURIER)
            .midBlockScale(2)
            .activation(Activation.MISH));
    all.put(
        "one head, sines first, shifted, class timestep, ReLU",
        tiny()
            .activation(Activation.RELU)
            .attentionHeadDim(null)
            .flipSinToCos(false)
            .freqShift(1)
            .classEmbedding(ClassEmbedding.TIMESTEP));
    all.put(
        "residual resampling levels, up blocks of their own, learned times, GELU",
        tiny()
            .activation(Activation.GELU)
            .downBlocks(Block.RESNET, Block.RESNET)
            .upBlocks(Block.ATTENTION, Block.PLAIN)
            .timeEmbedding(TimeEmbedding.LEARNED)
            .trainTimesteps(100));
    all.put(
        "rectangular images, two layers, class timestep, Fourier",
        rectangular().classEmbedding(ClassEmbedding.TIMESTEP).timeEmbedding(TimeEmbedding.FOURIER));
    all.put("one level", tiny().blockOutChannels(8).downBlocks(Block.ATTENTION));
    return build(all);
  }

  /** Few U-Nets that have most things between them. */
  static Map<String, UNetConfig> combined() {
    Map<String, UNetConfig.Builder> all = new LinkedHashMap<>();
    all.put(
        "attention, padding 0, class table, centred, pictures",
        tiny()
            .downBlocks(Block.PLAIN, Block.ATTENTION)
            .downsamplePadding(0)
            .classes(3)
            .pictureChannels(1)
            .centerInput(true));
    all.put(
        "scale and shift, residual resampling, mid-block scale, learned times as classes",
        tiny()
            .downBlocks(Block.ATTENTION, Block.PLAIN)
            .upBlocks(Block.RESNET, Block.PLAIN)
            .downsampling(Resampling.RESNET)
            .timeInjection(TimeInjection.SCALE_SHIFT)
            .attentionNormGroups(2)
            .midBlockScale(2)
            .timeEmbedding(TimeEmbedding.LEARNED)
            .trainTimesteps(100)
            .classEmbedding(ClassEmbedding.TIMESTEP));
    all.put(
        "skip levels with attention, Fourier, mid-block scale, centred, Mish",
        skips(Block.SKIP, Block.ATTENTION_SKIP, Block.SKIP)
            .timeEmbedding(TimeEmbedding.FOURIER)
            .midBlockScale(Math.sqrt(2))
            .centerInput(true)
            .activation(Activation.MISH));
    return build(all);
  }

  /** Levels of 32 channels each, which the attention of skip levels needs. */
  static UNetConfig.Builder skips(Block... down) {
    return UNetConfig.builder(3, 8, 8)
        .blockOutChannels(Collections.nCopies(down.length, 32).toArray(Integer[]::new))
        .downBlocks(down)
        .layersPerBlock(1)
        .normGroups(null);
  }

  private static Map<String, UNetConfig> build(Map<String, UNetConfig.Builder> all) {
    Map<String, UNetConfig> built = new LinkedHashMap<>();
    all.forEach((name, builder) -> built.put(name, builder.build()));
    return built;
  }

  private static UNetConfig.Builder rectangular() {
    return UNetConfig.builder(2, 4, 8)
        .outChannels(3)
        .blockOutChannels(4, 8)
        .downBlocks(Block.PLAIN, Block.PLAIN)
        .layersPerBlock(2)
        .normGroups(2)
        .attentionHeadDim(4);
  }
}
