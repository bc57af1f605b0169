package org.diffusion4j.unet;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.UNetConfig.Activation;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class PlanEqualsSessionTest {

  @Property(tries = 10, seed = "1", shrinking = ShrinkingMode.OFF)
  void plan_ofAnySmallUNet_givesWhatTheSessionGives(
      @ForAll("configs") UNetConfig config, @ForAll @IntRange(min = 1, max = 9) int n) {
    Random random = new Random(n);
    Map<String, INDArray> inputs = inputs(config, random, n);
    long[] shape = {n, config.outChannels(), config.height(), config.width()};
    try (PlanAndSession both = new PlanAndSession(() -> UNetGraph.build(config, 1), 3)) {
      both.compareOutputs(inputs, shape);
      both.compareGradients(inputs, PlanAndSession.gaussian(random, shape));
    }
  }

  static Map<String, INDArray> inputs(UNetConfig config, Random random, int n) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, images(config.sampleChannels(), config, random, n));
    if (config.pictureChannels() > 0) {
      inputs.put(Graphs.PICTURES, images(config.pictureChannels(), config, random, n));
    }
    inputs.put(Graphs.TIMESTEP, PlanAndSession.times(random, n));
    switch (config.classes().embedding()) {
      case NONE -> {}
      case TIMESTEP -> inputs.put(Graphs.CLASS, PlanAndSession.times(random, n));
      case TABLE -> {
        INDArray labels = Nd4j.zeros(n, config.classes().count().orElseThrow());
        for (int i = 0; i < n; i++) {
          labels.putScalar(i, random.nextInt(config.classes().count().orElseThrow()), 1);
        }
        inputs.put(Graphs.CLASS, labels);
      }
    }
    return inputs;
  }

  private static INDArray images(int channels, UNetConfig config, Random random, int n) {
    return PlanAndSession.gaussian(random, n, channels, config.height(), config.width());
  }

  /** How large everything is. */
  private record Sizes(int levels, int base, int height, int width, int channels, int layers) {}

  @Provide
  Arbitrary<UNetConfig> configs() {
    Arbitrary<Sizes> sizes =
        Combinators.combine(
                Arbitraries.integers().between(1, 3),
                Arbitraries.of(8, 12, 20),
                Arbitraries.of(8, 12, 20),
                Arbitraries.of(8, 12, 20),
                Arbitraries.integers().between(1, 3),
                Arbitraries.integers().between(1, 2))
            .as(Sizes::new);
    return Combinators.combine(
            sizes,
            kinds().array(Block[].class).ofSize(3),
            Combinators.combine(
                    Arbitraries.of(ClassEmbedding.class), Arbitraries.of(Activation.class))
                .as(Map::entry),
            Arbitraries.of(TimeInjection.class),
            Arbitraries.of(Resampling.class),
            Arbitraries.of(1, 4).flatMap(h -> Arbitraries.of(0, 1, 2).map(g -> new int[] {h, g})),
            Arbitraries.of(1.0, Math.sqrt(2)),
            Arbitraries.integers().between(0, 15))
        .as(PlanEqualsSessionTest::config);
  }

  /** Kinds that go together. */
  private static Arbitrary<Block> kinds() {
    return Arbitraries.of(Block.PLAIN, Block.ATTENTION, Block.RESNET);
  }

  private static UNetConfig config(
      Sizes sizes,
      Block[] blocks,
      Map.Entry<ClassEmbedding, Activation> classesAndActivation,
      TimeInjection injection,
      Resampling resampling,
      int[] attention,
      double midScale,
      int switches) {
    ClassEmbedding classes = classesAndActivation.getKey();
    boolean skips = (switches & 8) != 0;
    Integer[] widths = new Integer[sizes.levels];
    Block[] down = new Block[sizes.levels];
    for (int i = 0; i < sizes.levels; i++) {
      widths[i] = sizes.base * (i + 1);
      down[i] = skips ? Block.SKIP : blocks[i];
    }
    int channels = skips ? 3 : sizes.channels;
    UNetConfig.Builder builder = UNetConfig.builder(channels, sizes.height, sizes.width);
    if (classes != ClassEmbedding.NONE) {
      builder.classes(3);
    }
    return builder
        .blockOutChannels(widths)
        .downBlocks(down)
        .layersPerBlock(sizes.layers)
        .normGroups(4)
        .attentionHeadDim(attention[0] == 1 ? null : attention[0])
        .attentionNormGroups(attention[1] == 0 ? null : attention[1])
        .midAttention((switches & 1) == 0)
        .centerInput((switches & 2) != 0)
        .pictureChannels(skips ? 0 : (switches & 6) / 2)
        .downsamplePadding((switches & 4) / 4)
        .midBlockScale(midScale)
        .timeInjection(injection)
        .downsampling(resampling)
        .upsampling(resampling)
        .classEmbedding(classes)
        .activation(classesAndActivation.getValue())
        .build();
  }
}
