package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Numbers printed by PyTorch, and those of its documented algorithm. */
class TorchNoiseTest {

  private static final Offset<Float> EXACT = within(2e-6f);

  private static float[] draw(NoiseSource.Batch batch, long... shape) {
    return batch.next(shape).data().asFloat();
  }

  @Test
  void longDraws_areThoseOfTorchRandn() {
    NoiseSource.Batch batch = NoiseSource.torch(0).start().batch(0, 4);
    float[] first = draw(batch, 4, 3, 8, 8);
    assertThat(first[0]).isCloseTo(-1.1258398f, EXACT);
    assertThat(first[1]).isCloseTo(-1.1523602f, EXACT);
    assertThat(first[2]).isCloseTo(-0.2505786f, EXACT);
    assertThat(first[15]).isCloseTo(-0.2472777f, EXACT);
    assertThat(first[764]).isCloseTo(-0.7386032f, EXACT);
    assertThat(first[767]).isCloseTo(-0.23261612f, EXACT);
    double sum = 0;
    for (float value : first) {
      sum += value;
    }
    assertThat(sum).isCloseTo(47.87153570278119, within(1e-3));
    float[] second = draw(batch, 4, 3, 8, 8);
    assertThat(second[0]).isCloseTo(0.4974166f, EXACT);
    assertThat(second[3]).isCloseTo(0.354795f, EXACT);
  }

  @Test
  void shortDraws_areThoseOfTorchRandn() {
    float[] values = draw(NoiseSource.torch(0).start().batch(0, 1), 1, 3);
    assertThat(values[0]).isCloseTo(1.5410f, within(5e-5f));
    assertThat(values[1]).isCloseTo(-0.2934f, within(5e-5f));
    assertThat(values[2]).isCloseTo(-2.1788f, within(5e-5f));
  }

  @Test
  void aLastPartialBlock_isDrawnAnew() {
    float[] whole = draw(NoiseSource.torch(5).start().batch(0, 1), 1, 32);
    float[] partial = draw(NoiseSource.torch(5).start().batch(0, 1), 1, 20);
    assertThat(partial[0]).isEqualTo(whole[0]);
    assertThat(partial[3]).isEqualTo(whole[3]);
    assertThat(partial[4]).isNotEqualTo(whole[4]);
  }

  @Test
  void batchesOfARun_shareOneGenerator() {
    NoiseSource.Run run = NoiseSource.torch(1).start();
    float[] first = draw(run.batch(0, 1), 1, 16);
    float[] second = draw(run.batch(1, 1), 1, 16);
    assertThat(second).isNotEqualTo(first);
    assertThat(draw(NoiseSource.torch(1).start().batch(0, 1), 1, 16)).isEqualTo(first);
  }

  @Test
  void tooLargeAShape_isRefused() {
    NoiseSource.Batch batch = NoiseSource.torch(1).start().batch(0, 1);
    assertThatThrownBy(() -> batch.next(1, 1L << 31))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2147483648");
  }

  @Test
  void mersenneTwister_givesThePublishedNumber() {
    // The 10,000th number of the default seed is part of the C++ standard.
    MersenneTwister twister = new MersenneTwister(5489);
    int last = 0;
    for (int i = 0; i < 10_000; i++) {
      last = twister.next();
    }
    assertThat(Integer.toUnsignedLong(last)).isEqualTo(4123659995L);
  }
}
