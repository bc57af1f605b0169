package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Draws that are larger than one piece are those that were made at once. */
class PiecesTest {

  @Test
  void perSample_ofSeveralPiecesIsThatOfEachSample() {
    int length = Pieces.LENGTH / 2 + 3;
    NoiseSource source = NoiseSource.perSample(5);
    try (INDArray all = source.start().batch(0, 5).next(5, length)) {
      float[] values = all.data().asFloat();
      for (int i = 0; i < 5; i++) {
        try (INDArray one = source.start().batch(i, 1).next(1, length)) {
          assertThat(Arrays.copyOfRange(values, i * length, (i + 1) * length))
              .isEqualTo(one.data().asFloat());
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 5, 15, 16, 17})
  void torch_ofSeveralPiecesIsThatOfOne(int more) {
    int size = Pieces.LENGTH + more;
    float[] expected = torch(7, size);
    try (INDArray drawn = NoiseSource.torch(7).start().batch(0, 1).next(1, size)) {
      assertThat(drawn.data().asFloat()).isEqualTo(expected);
    }
  }

  /** All uniform numbers, then all blocks of 16, then the last block anew if it was not whole. */
  private static float[] torch(int seed, int size) {
    MersenneTwister twister = new MersenneTwister(seed);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = uniform(twister);
    }
    for (int i = 0; i + 16 <= size; i += 16) {
      transform(values, i);
    }
    if (size % 16 != 0) {
      for (int i = size - 16; i < size; i++) {
        values[i] = uniform(twister);
      }
      transform(values, size - 16);
    }
    return values;
  }

  private static float uniform(MersenneTwister twister) {
    return (twister.next() & 0xFFFFFF) * 0x1p-24f;
  }

  private static void transform(float[] values, int from) {
    for (int j = from; j < from + 8; j++) {
      double radius = Math.sqrt(-2 * StrictMath.log(1 - values[j]));
      double angle = 2 * Math.PI * values[j + 8];
      values[j] = (float) (radius * StrictMath.cos(angle));
      values[j + 8] = (float) (radius * StrictMath.sin(angle));
    }
  }

  @Test
  void arrays_thatNoMemoryHoldsAreRefusedBeforeTheyAreMade() {
    assertThatIllegalStateException()
        .isThrownBy(() -> Pieces.require("an array", Long.MAX_VALUE))
        .withMessageStartingWith("memory for an array must be at least 8796093022208 MB but ");
  }

  @Test
  void streams_thatTheHeapDoesNotHoldAreRefused() {
    assertThatIllegalStateException()
        .isThrownBy(() -> NoiseSource.perSample(1).start().batch(0, Integer.MAX_VALUE))
        .withMessageStartingWith("samples of one batch must be at most ");
  }
}
