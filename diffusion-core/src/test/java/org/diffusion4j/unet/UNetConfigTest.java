package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Builder;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class UNetConfigTest {

  private static Arguments wrong(UnaryOperator<Builder> change, String message) {
    return Arguments.of(message, change);
  }

  static Stream<Arguments> contradictions() {
    return Stream.of(
        wrong(b -> b.outChannels(0), "output channels must be positive but was 0"),
        wrong(b -> b.layersPerBlock(0), "layers per block must be in [1, 64] but was 0"),
        wrong(b -> b.normGroups(0), "norm groups must be positive but was 0"),
        wrong(
            b -> b.normGroups(3),
            "norm groups must divide the channels of every level but 3 does not divide 8"),
        wrong(
            b -> b.blockOutChannels(8, -16),
            "block out channels must be in [1, 65536] but were -16"),
        wrong(
            b -> b.downBlocks(Block.PLAIN, Block.PLAIN, Block.PLAIN),
            "down and up blocks must be as many as block out channels, 2, but were 3 and 3"),
        wrong(
            b -> b.upBlocks(Block.PLAIN),
            "down and up blocks must be as many as block out channels, 2, but were 2 and 1"),
        wrong(
            b -> b.blockOutChannels().downBlocks(),
            "block out channels must name at least one level"),
        wrong(
            b -> b.normGroups(1).blockOutChannels(7, 8),
            "channels of the first level must be even but were 7"),
        wrong(
            b -> b.attentionHeadDim(5),
            "attention head size must divide the channels where attention is but 5 does not"
                + " divide 16"),
        wrong(b -> b.attentionHeadDim(0), "attention head size must be positive but was 0"),
        wrong(b -> b.attentionHeadDim(-8), "attention head size must be positive but was -8"),
        wrong(b -> b.attentionNormGroups(0), "attention norm groups must be positive but was 0"),
        wrong(
            b -> b.attentionNormGroups(3),
            "attention norm groups must divide the channels of the deepest level, 16, but were 3"),
        wrong(b -> b.freqShift(4), "frequency shift must be less than 4 but was 4.0"),
        wrong(b -> b.normEps(0), "norm epsilon must be positive but was 0.0"),
        wrong(b -> b.normEps(Double.NaN), "norm epsilon must be positive but was NaN"),
        wrong(b -> b.midBlockScale(0), "mid-block scale must be positive but was 0.0"),
        wrong(b -> b.downsamplePadding(2), "downsample padding must be 0 or 1 but was 2"),
        wrong(b -> b.dropout(1), "dropout must be in [0, 1) but was 1.0"),
        wrong(b -> b.dropout(-0.1), "dropout must be in [0, 1) but was -0.1"),
        wrong(
            b -> b.timeEmbedding(TimeEmbedding.LEARNED),
            "a learned time embedding needs the number of train timesteps but it was null"),
        wrong(
            b -> b.timeEmbedding(TimeEmbedding.LEARNED).trainTimesteps(0),
            "a learned time embedding needs the number of train timesteps but it was 0"),
        wrong(
            b -> b.classEmbedding(ClassEmbedding.TABLE),
            "a class table needs a positive number of classes but it was null"),
        wrong(
            b -> b.normGroups(null),
            "norm groups must be set for levels other than skip levels but were null"),
        wrong(
            b -> b.downBlocks(Block.SKIP, Block.PLAIN).upBlocks(Block.PLAIN, Block.PLAIN),
            "input channels must be 3 for skip levels on the way down but were 1"),
        wrong(
            b -> b.upBlocks(Block.PLAIN, Block.SKIP).downBlocks(Block.PLAIN, Block.ATTENTION_SKIP),
            "norm groups must divide the channels of every level but 32 does not divide 16"),
        wrong(
            b -> b.upBlocks(Block.SKIP, Block.PLAIN),
            "skip levels on the way up must be those of the highest resolutions but were"
                + " [PLAIN, SKIP] from the full one"),
        wrong(
            b ->
                b.blockOutChannels(8, 8, 8)
                    .downBlocks(Block.PLAIN, Block.SKIP, Block.PLAIN)
                    .upBlocks(Block.PLAIN, Block.PLAIN, Block.PLAIN),
            "skip levels on the way down must be those of the highest resolutions but were"
                + " [PLAIN, SKIP, PLAIN] from the full one"),
        wrong(
            b -> b.upBlocks(Block.SKIP, Block.SKIP),
            "output channels must be 3 for skip levels on the way up but were 1"),
        wrong(b -> b.classes(0), "a class table needs a positive number of classes but it was 0"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("contradictions")
  void build_ofAContradiction_namesValueAndRequirement(
      String message, UnaryOperator<Builder> change) {
    Builder builder = change.apply(Architectures.tiny());
    assertThatIllegalArgumentException().isThrownBy(builder::build).withMessage(message);
  }

  @ParameterizedTest
  @CsvSource({"9, 8, 8 x 8 or 10 x 8", "8, 9, 8 x 8 or 8 x 10", "1, 2, 2 x 2"})
  void build_ofASizeThatHalvesUnevenly_namesTheUnit(int height, int width, String sizes) {
    Builder builder =
        UNetConfig.builder(1, height, width)
            .blockOutChannels(8, 8)
            .downBlocks(Block.PLAIN, Block.PLAIN)
            .normGroups(8);
    assertThatIllegalArgumentException()
        .isThrownBy(builder::build)
        .withMessage(
            "height and width must be divisible by 2 for 2 levels but were %d x %d; "
                + "%s would do, or at most 1 level",
            height, width, sizes);
  }

  @ParameterizedTest
  @CsvSource({
    "100, 100, 96 x 96 or 104 x 104, 3 levels",
    "28, 28, 24 x 24 or 32 x 32, 3 levels",
    "64, 100, 64 x 96 or 64 x 104, 3 levels",
    "7, 30, 8 x 32, 1 level"
  })
  void build_ofASizeThatHalvesUnevenly_namesTheNearestThatDo(
      int height, int width, String sizes, String levels) {
    Builder builder = UNetConfig.builder(3, height, width).blockOutChannels(32, 32, 32, 32);
    assertThatIllegalArgumentException()
        .isThrownBy(builder::build)
        .withMessage(
            "height and width must be divisible by 8 for 4 levels but were %d x %d; "
                + "%s would do, or at most %s",
            height, width, sizes, levels);
  }

  @ParameterizedTest
  @CsvSource({"0, 8, 8, input channels", "1, 0, 8, height", "1, 8, -1, width"})
  void build_ofASizeThatIsNotPositive_namesIt(int channels, int height, int width, String what) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> UNetConfig.builder(channels, height, width).build())
        .withMessageContaining(what + " must be positive but was ");
  }

  @Test
  void toBuilder_unchanged_buildsAnEqual() {
    Architectures.all()
        .values()
        .forEach(
            config ->
                assertThat(config.toBuilder().build())
                    .isEqualTo(config)
                    .hasSameHashCodeAs(config)
                    .hasToString(config.toString()));
  }

  @Test
  void equals_ofOthers_tellsThemApart() {
    assertThat(Architectures.all().values()).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 2, 1, features must be at least 1 but were 0",
    "1, 3, 1, width must be even and at least 2 but was 3",
    "1, 0, 1, width must be even and at least 2 but was 0",
    "1, 2, 0, 'layers must be in [1, 1000] but were 0'"
  })
  void mlpConfig_outOfRange_namesIt(int features, int width, int layers, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Mlp.Config(features, width, layers))
        .withMessage(message);
  }
}
