package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.diffusion4j.unet.UNetConfig.Activation;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Builder;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.junit.jupiter.api.Test;

/** What holds for every configuration, and for every order in which it is said. */
class UNetConfigLawsTest {

  /** A call of one of the builder's methods, by its name and argument. */
  record Call(String method, Object argument, UnaryOperator<Builder> on) {
    @Override
    public String toString() {
      return method + "(" + argument + ")";
    }
  }

  private static Call channels(Integer... channels) {
    return new Call(
        "blockOutChannels", Arrays.toString(channels), b -> b.blockOutChannels(channels));
  }

  private static Call down(Block... blocks) {
    return new Call("downBlocks", Arrays.toString(blocks), b -> b.downBlocks(blocks));
  }

  private static Call up(Block... blocks) {
    return new Call("upBlocks", Arrays.toString(blocks), b -> b.upBlocks(blocks));
  }

  private static Call classes(int classes) {
    return new Call("classes", classes, b -> b.classes(classes));
  }

  private static Call labels(ClassEmbedding how) {
    return new Call("classEmbedding", how, b -> b.classEmbedding(how));
  }

  private static Call time(TimeEmbedding how) {
    return new Call("timeEmbedding", how, b -> b.timeEmbedding(how));
  }

  /** Some that go together, and some that do not. */
  private static final List<Call> CALLS =
      List.of(
          channels(8, 16),
          channels(8, 16, 16),
          channels(7),
          down(Block.PLAIN, Block.ATTENTION),
          down(Block.ATTENTION, Block.PLAIN, Block.PLAIN),
          down(Block.PLAIN, Block.SKIP),
          up(Block.PLAIN, Block.RESNET),
          up(Block.ATTENTION),
          new Call("layersPerBlock", 1, b -> b.layersPerBlock(1)),
          new Call("normGroups", 4, b -> b.normGroups(4)),
          new Call("normGroups", "null", b -> b.normGroups(null)),
          new Call("normGroups", 8, b -> b.normGroups(8)),
          new Call("attentionHeadDim", 16, b -> b.attentionHeadDim(16)),
          new Call("attentionNormGroups", 3, b -> b.attentionNormGroups(3)),
          new Call("midAttention", false, b -> b.midAttention(false)),
          time(TimeEmbedding.LEARNED),
          time(TimeEmbedding.FOURIER),
          new Call("trainTimesteps", 10, b -> b.trainTimesteps(10)),
          new Call("freqShift", 1, b -> b.freqShift(1)),
          classes(3),
          classes(0),
          labels(ClassEmbedding.NONE),
          labels(ClassEmbedding.TABLE),
          labels(ClassEmbedding.TIMESTEP),
          new Call("nullClass", true, b -> b.nullClass(true)),
          new Call("activation", Activation.MISH, b -> b.activation(Activation.MISH)),
          new Call("dropout", 0.1, b -> b.dropout(0.1)));

  /** Each method at most once: the same one twice is a change of mind. */
  @Provide
  Arbitrary<List<Call>> calls() {
    return Arbitraries.of(CALLS).list().ofMaxSize(12).uniqueElements(Call::method);
  }

  private static String outcome(List<Call> calls) {
    Builder builder = UNetConfig.builder(1, 8, 8);
    for (Call call : calls) {
      builder = call.on().apply(builder);
    }
    try {
      return builder.build().toString();
    } catch (IllegalArgumentException e) {
      return "refused: " + e.getMessage();
    }
  }

  @Property(tries = 500)
  void build_ofTheSameCallsInAnyOrder_givesTheSame(
      @ForAll("calls") List<Call> calls, @ForAll Random random) {
    List<Call> shuffled = new ArrayList<>(calls);
    Collections.shuffle(shuffled, random);
    assertThat(outcome(shuffled)).isEqualTo(outcome(calls));
  }

  @Property(tries = 500)
  void build_ofWhatIsBuiltAlready_givesAnEqual(@ForAll("calls") List<Call> calls) {
    Builder builder = UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).normGroups(4);
    for (Call call : calls) {
      builder = call.on().apply(builder);
    }
    UNetConfig config;
    try {
      config = builder.build();
    } catch (IllegalArgumentException contradiction) {
      return;
    }
    assertThat(config.toBuilder().build()).isEqualTo(config).hasSameHashCodeAs(config);
    assertThat(UNetConfig.fromJson(config.toJson(), this::unexpected)).isEqualTo(config);
  }

  private void unexpected(String warning) {
    throw new AssertionError(warning);
  }

  @Test
  void blockOutChannels_afterDownBlocks_keepsTheirAttention() {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8)
            .normGroups(4)
            .downBlocks(Block.PLAIN, Block.ATTENTION)
            .blockOutChannels(8, 16)
            .build();
    assertThat(config.blocks().down()).containsExactly(Block.PLAIN, Block.ATTENTION);
    assertThat(config.blocks().up()).containsExactly(Block.ATTENTION, Block.PLAIN);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.toBuilder().blockOutChannels(8, 16, 16).build())
        .withMessage(
            "down and up blocks must be as many as block out channels, 3, but were 2 and 2");
  }

  @Test
  void blocks_byDefault_areThoseOfDiffusersOnlyForItsOwnLevels() {
    UNetConfig byDefault = UNetConfig.builder(3, 32, 32).build();
    assertThat(byDefault.blocks().channels()).containsExactly(224, 448, 672, 896);
    assertThat(byDefault.blocks().down())
        .containsExactly(Block.PLAIN, Block.ATTENTION, Block.ATTENTION, Block.ATTENTION);
    assertThat(UNetConfig.fromJson(Map.of("sample_size", 32), this::unexpected))
        .isEqualTo(byDefault);

    UNetConfig ofOwnLevels = UNetConfig.builder(3, 32, 32).blockOutChannels(32, 64).build();
    assertThat(ofOwnLevels.blocks().down()).containsExactly(Block.PLAIN, Block.PLAIN);
    assertThat(ofOwnLevels.blocks().up()).containsExactly(Block.PLAIN, Block.PLAIN);
    assertThat(ofOwnLevels.toBuilder().blockOutChannels(32, 32, 32).build().blocks().down())
        .hasSize(3)
        .containsOnly(Block.PLAIN);
  }

  @Test
  void classes_withoutAPlaceForThem_areRefused() {
    Builder builder =
        UNetConfig.builder(1, 8, 8)
            .blockOutChannels(8)
            .normGroups(4)
            .classes(3)
            .classEmbedding(ClassEmbedding.NONE);
    assertThatIllegalArgumentException()
        .isThrownBy(builder::build)
        .withMessage("classes must have a class embedding but it was NONE for 3 classes");
    Builder timestep =
        UNetConfig.builder(1, 8, 8)
            .blockOutChannels(8)
            .normGroups(4)
            .nullClass(true)
            .classEmbedding(ClassEmbedding.TIMESTEP);
    assertThatIllegalArgumentException()
        .isThrownBy(timestep::build)
        .withMessage("a null class must have a class table but the class embedding was TIMESTEP");
  }
}
