package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.junit.jupiter.api.Test;

class WeightShapesTest {

  private static UNetConfig.Builder unet() {
    return UNetConfig.builder(3, 8, 8)
        .blockOutChannels(4, 8, 6)
        .downBlocks(Block.PLAIN, Block.ATTENTION, Block.RESNET)
        .layersPerBlock(2)
        .normGroups(2)
        .attentionHeadDim(2);
  }

  @Test
  void weightShapes_areThoseOfTheGraphInItsOrder() {
    List<UNetConfig> configs =
        List.of(
            unet().build(),
            unet()
                .downsampling(Resampling.RESNET)
                .upsampling(Resampling.RESNET)
                .timeInjection(TimeInjection.SCALE_SHIFT)
                .classes(3)
                .nullClass(true)
                .build(),
            unet()
                .timeEmbedding(TimeEmbedding.FOURIER)
                .timeInjection(TimeInjection.SCALE_SHIFT)
                .attentionNormGroups(3)
                .classEmbedding(UNetConfig.ClassEmbedding.TIMESTEP)
                .timeEmbeddingDim(10)
                .build(),
            unet()
                .timeEmbedding(TimeEmbedding.LEARNED)
                .trainTimesteps(7)
                .midAttention(false)
                .outChannels(6)
                .build(),
            Architectures.skips(Block.SKIP, Block.ATTENTION_SKIP, Block.SKIP).build(),
            Architectures.skips(Block.ATTENTION_SKIP, Block.RESNET)
                .normGroups(4)
                .upBlocks(Block.RESNET, Block.SKIP)
                .build());
    for (UNetConfig config : configs) {
      Layers layers = new Layers(1);
      UNetGraph.build(config, layers);
      assertEqual(config.weightShapes(), layers.shapes());
    }
    Layers layers = new Layers(1);
    Mlp.graph(new Mlp.Config(3, 4, 2), layers);
    assertEqual(new Mlp.Config(3, 4, 2).weightShapes(), layers.shapes());
  }

  private static void assertEqual(Map<String, long[]> actual, Map<String, long[]> expected) {
    assertThat(List.copyOf(actual.keySet())).isEqualTo(List.copyOf(expected.keySet()));
    expected.forEach((name, shape) -> assertThat(actual.get(name)).as(name).isEqualTo(shape));
  }

  @Test
  void create_whatNoMemoryHolds_isRefusedBeforeAnythingIsAllocated() {
    NoiseSchedule schedule = NoiseSchedule.cosine(10);
    UNetConfig large =
        UNetConfig.builder(1, 8, 8).blockOutChannels(65536, 65536).normGroups(8).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> UNet.create(large, schedule, 0))
        .withMessageMatching(
            "weights must fit into the \\d+ MB of memory that are available but are \\d+ of \\d+"
                + " MB");
    for (Mlp.Config config :
        List.of(new Mlp.Config(2, 100_000, 1), new Mlp.Config(Integer.MAX_VALUE, 4, 1))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Mlp.create(config, schedule, 0))
          .withMessageStartingWith("weights must fit into the ");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Mlp.create(new Mlp.Config(2, 40_000, 1000), schedule, 0))
        .withMessageMatching(
            "weights must fit into the \\d+ MB of memory that are available but are 4803320280002"
                + " of \\d+ MB");
  }

  @Test
  void requireMemory_sumsBeyondALong_areRefused() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("a", new long[] {Long.MAX_VALUE, Long.MAX_VALUE});
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WeightShapes.requireMemory(shapes))
        .withMessageContaining(" but are 9223372036854775807 of 8796093022208 MB");
  }
}
